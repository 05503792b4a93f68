//! `--digest`: what the files of the containers must be. An annotation says of which profile it was made, so that `lint`
//! sees when the profile has changed since.

use super::pod::Pod;
use crate::checks::digest;
use crate::cli::Inject;
use crate::failure::Failure;
use crate::manifest::workload::{Container, Workload};
use crate::names::PROFILE_DIGEST;
use crate::yaml::Value;

/// Fails if `--digest` would be that of several images.
pub(crate) fn check(workloads: &[Workload<'_>], options: &Inject) -> Result<(), Failure> {
    if options.digest.is_none() {
        return Ok(());
    }
    let chosen = workloads.iter().flat_map(|workload| workload.chosen(&options.containers));
    let mut images: Vec<&str> = chosen.map(|container| container.node.text_of("image").unwrap_or_default()).collect();
    images.sort_unstable();
    images.dedup();
    if images.len() < 2 {
        return Ok(());
    }
    let images = lithify::text::escape::escape(images.join(", ").as_bytes());
    Err(Failure::usage(
        format!("--digest states the files of one image, and these containers have {images}"),
        "name one container with --container, and inject again for the others",
    ))
}

/// Writes the annotation. Without `--digest`, a digest of an earlier run must still be one of this profile.
pub(crate) fn annotate(pod: &mut Pod<'_>, chosen: &[Container<'_>], profile: &str) {
    if pod.options.digest.is_none() {
        for container in chosen {
            pod.findings.extend(digest::digests(pod.workload, container, profile));
        }
        return;
    }
    let before = pod.workload.annotation(PROFILE_DIGEST).and_then(|node| node.text());
    let value = chosen.iter().fold(before.map(str::to_owned), |value, container| {
        Some(digest::annotation(value.as_deref(), container.name, profile))
    });
    let Some(value) = value.map(Value::Text) else { return };
    let (template, above) = (pod.workload.template, pod.workload.path.parent());
    let (metadata, annotations) = (above.key("metadata"), above.key("metadata").key("annotations"));
    let entry = |value| Value::map([(PROFILE_DIGEST, value)]);
    match (template.get("metadata"), template.at(&["metadata", "annotations"])) {
        (_, Some(node)) => pod.set(node, &annotations, PROFILE_DIGEST, value),
        (Some(node), None) => pod.add(node, &metadata, "annotations", None, entry(value)),
        (None, None) => {
            let value = Value::map([("annotations", entry(value))]);
            pod.add(template, &above, "metadata", Some("spec"), value);
        }
    }
}
