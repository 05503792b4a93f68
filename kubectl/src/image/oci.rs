//! The OCI image layout (image-layout.md), as `buildah push IMAGE oci-archive:FILE` and newer versions of `docker save`
//! write it.

use serde_json::Value;

use lithify::text::escape::escape;

use super::error::ImageError;
use super::limits::MAX_NESTED;
use super::members::{Members, blob_path};
use super::platform::Platform;

/// One layer.
pub(super) struct Layer {
    /// For messages.
    pub(super) name: String,
    /// Its path in the archive.
    pub(super) member: String,
}

/// An image in the layout.
struct Found {
    digest: String,
    manifest: Value,
}

/// Whether an archive is such a layout.
pub(super) fn is_layout(members: &Members<'_>) -> bool {
    members.has("oci-layout") && members.has("index.json")
}

/// The layers of the image for `platform`, from the lowest. Without a platform: of the only image, or of that for this
/// machine.
pub(super) fn layers(members: &Members<'_>, platform: Option<&Platform>) -> Result<Vec<Layer>, ImageError> {
    let mut found: Vec<(Option<Platform>, Found)> = Vec::new();
    collect(members, &members.json("index.json")?, 0, &mut found)?;
    let image = choose(members.archive(), &found, platform)?;
    let layers = image.manifest.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let layer = |layer: &Value| {
        let digest = text(layer, "digest");
        Ok(Layer { name: escape(digest.as_bytes()), member: members.blob(digest)? })
    };
    layers.iter().map(layer).collect()
}

/// The one image of `found` for `platform`.
pub(super) fn choose<'f, T>(
    archive: &str,
    found: &'f [(Option<Platform>, T)],
    platform: Option<&Platform>,
) -> Result<&'f T, ImageError> {
    let those: Vec<&T> = match (platform, found) {
        (None, [(_, only)]) => vec![only],
        (None, found) => Platform::here().choose(found),
        (Some(platform), found) => platform.choose(found),
    };
    let mut known: Vec<String> = found
        .iter()
        .map(|(platform, _)| platform.as_ref().map_or_else(|| "one without a platform".to_owned(), Platform::to_string))
        .collect();
    known.sort();
    let wanted = platform.map_or_else(|| format!("{} (this machine's)", Platform::here()), Platform::to_string);
    match those.as_slice() {
        [one] => Ok(one),
        [] if found.is_empty() => Err(ImageError::broken(archive, "it holds no image")),
        [] => Err(ImageError::Choice {
            message: format!("{archive}: it has no image for {wanted}"),
            fix: format!("choose with --platform from what it has: {}", known.join(", ")),
        }),
        many => Err(ImageError::Choice {
            message: format!("{archive}: it has {} images for {wanted}", many.len()),
            fix: format!("choose one with --platform, or export one image alone; it has {}", known.join(", ")),
        }),
    }
}

/// Collects the images of an index and of the indexes in it.
fn collect(
    members: &Members<'_>,
    index: &Value,
    depth: u32,
    found: &mut Vec<(Option<Platform>, Found)>,
) -> Result<(), ImageError> {
    for descriptor in index.get("manifests").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let digest = text(descriptor, "digest");
        // What BuildKit attests of an image stands beside it.
        let attests = descriptor.pointer("/annotations/vnd.docker.reference.type").is_some();
        if attests || found.iter().any(|(_, known)| known.digest == digest) {
            continue;
        }
        // `docker save` may name platforms whose images it did not have.
        if !members.has(&blob_path(digest)) {
            continue;
        }
        let manifest = members.json(&members.blob(digest)?)?;
        if manifest.get("manifests").is_some() {
            if depth == MAX_NESTED {
                return Err(ImageError::hostile(members.archive(), "its indexes lie in one another without end"));
            }
            collect(members, &manifest, depth + 1, found)?;
            continue;
        }
        let mut platform = descriptor.get("platform").and_then(Platform::of);
        if platform.is_none() {
            let config = manifest.pointer("/config/digest").and_then(Value::as_str).unwrap_or_default();
            platform = Platform::of(&members.json(&members.blob(config)?)?);
        }
        found.push((platform, Found { digest: digest.to_owned(), manifest }));
    }
    Ok(())
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
