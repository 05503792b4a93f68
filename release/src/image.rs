//! The image for both architectures, as an OCI image layout: one binary, as by Dockerfile.scratch.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md>

use std::fs;

use serde_json::{Value, json};

use crate::archive::{File, gzip, tar};
use crate::{ARCHITECTURES, Architecture, Failure, Release, sha256};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Writes `lithify-image.tar`, an archive of the layout, and `lithify-image.txt`, which names the image by its digest.
pub(crate) fn layout(release: &Release) -> Result<(), Failure> {
    let mut layout = Layout { files: Vec::new() };
    let manifests = ARCHITECTURES.iter().map(|architecture| manifest(release, architecture, &mut layout));
    let manifests = manifests.collect::<Result<Vec<_>, _>>()?;
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": labels(release),
    });
    let mut index = layout.add(INDEX, text(&index)?);
    let digest = index["digest"].as_str().unwrap_or_default().to_owned();
    // By the whole name, as podman and containerd load it, and by its tag alone, as the specification has it.
    index["annotations"] = json!({
        "io.containerd.image.name": format!("{}:{}", release.image, release.version),
        "org.opencontainers.image.ref.name": release.version,
    });
    layout.file("index.json", text(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [index] }))?);
    layout.file("oci-layout", text(&json!({ "imageLayoutVersion": "1.0.0" }))?);
    release.write("lithify-image.tar", tar(&layout.files, release.time)?)?;
    release.write("lithify-image.txt", format!("{}:{}@{digest}\n", release.image, release.version))?;
    Ok(())
}

/// Adds the image of an architecture, and returns what the index says of it.
fn manifest(release: &Release, architecture: &Architecture, layout: &mut Layout) -> Result<Value, Failure> {
    let content = fs::read(release.program("lithify", architecture).0)?;
    let files = tar(&[File { path: "bin/lithify".to_owned(), mode: 0o555, content }], release.time)?;
    let unpacked = sha256(&files);
    let layer = layout.add(LAYER, gzip(&files)?);
    let config = json!({
        "created": rfc3339(release.time),
        "architecture": architecture.debian,
        "os": "linux",
        "config": {
            "User": "65532:65532",
            "Entrypoint": ["/bin/lithify"],
            "WorkingDir": "/",
            "Labels": labels(release),
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{unpacked}")] },
        "history": [{ "created": rfc3339(release.time), "created_by": "release/src/image.rs" }],
    });
    let config = layout.add(CONFIG, text(&config)?);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer], "annotations": labels(release),
    });
    let mut manifest = layout.add(MANIFEST, text(&manifest)?);
    manifest["platform"] = json!({ "architecture": architecture.debian, "os": "linux" });
    Ok(manifest)
}

fn labels(release: &Release) -> Value {
    json!({
        "org.opencontainers.image.title": "lithify",
        "org.opencontainers.image.description": "Makes a container immutable from the inside",
        "org.opencontainers.image.licenses": release.license,
        "org.opencontainers.image.source": release.source,
        "org.opencontainers.image.version": release.version,
        "org.opencontainers.image.revision": release.revision,
        "org.opencontainers.image.created": rfc3339(release.time),
    })
}

/// What an archive of the layout holds.
struct Layout {
    files: Vec<File>,
}

impl Layout {
    fn file(&mut self, path: &str, content: Vec<u8>) {
        self.files.push(File { path: path.to_owned(), mode: 0o644, content });
    }

    /// Adds a blob, and returns its descriptor.
    fn add(&mut self, media_type: &str, content: Vec<u8>) -> Value {
        let (sum, size) = (sha256(&content), content.len());
        self.file(&format!("blobs/sha256/{sum}"), content);
        json!({ "mediaType": media_type, "digest": format!("sha256:{sum}"), "size": size })
    }
}

/// Keys are sorted: `serde_json` keeps objects in that order.
fn text(value: &Value) -> Result<Vec<u8>, Failure> {
    Ok(serde_json::to_vec(value)?)
}

/// Seconds since 1970 as a date in UTC. The days of a month by the calendar that repeats every 400 years.
pub(crate) fn rfc3339(time: u64) -> String {
    let (days, second) = (time / 86400, time % 86400);
    // Years that begin in March end with the day that a leap year adds.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn dates_are_those_of_date() {
        for (time, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(time), date);
        }
    }
}
