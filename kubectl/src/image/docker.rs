//! What `docker save` and `buildah push IMAGE docker-archive:FILE` write: `manifest.json` names a configuration and the
//! layers of each image.

use serde_json::Value;

use lithify::text::escape::escape;

use super::error::ImageError;
use super::members::Members;
use super::oci::{Layer, choose};
use super::platform::Platform;

const MANIFEST: &str = "manifest.json";

/// The images of such an archive.
pub(super) struct Saved(Vec<Value>);

impl Saved {
    /// Reads the manifest. `None` for an archive without one: a root filesystem may have a file of this name.
    pub(super) fn read(members: &Members<'_>) -> Option<Self> {
        if !members.has(MANIFEST) {
            return None;
        }
        let Ok(Value::Array(images)) = members.json(MANIFEST) else { return None };
        let is_image = |image: &Value| {
            image.get("Config").is_some_and(Value::is_string) && image.get("Layers").is_some_and(Value::is_array)
        };
        (!images.is_empty() && images.iter().all(is_image)).then_some(Self(images))
    }

    /// The layers of the image for `platform`, from the lowest.
    pub(super) fn layers(&self, members: &Members<'_>, platform: Option<&Platform>) -> Result<Vec<Layer>, ImageError> {
        let mut found = Vec::new();
        for image in &self.0 {
            let config = image.get("Config").and_then(Value::as_str).unwrap_or_default();
            found.push((Platform::of(&members.json(config)?), image));
        }
        let image = choose(members.archive(), &found, platform)?;
        let layers = image.get("Layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let layer = |layer: &Value| {
            let member = layer.as_str().unwrap_or_default().to_owned();
            Layer { name: escape(member.as_bytes()), member }
        };
        Ok(layers.iter().map(layer).collect())
    }
}
