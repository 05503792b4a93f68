//! The image is that of Dockerfile.scratch, for both architectures, as another program reads it.

use std::process::Command;

use serde_json::Value;

use crate::{Release, read, succeeds};

fn skopeo(words: &[&str]) -> String {
    succeeds(Command::new("skopeo").args(words))
}

#[test]
fn it_is_that_of_the_dockerfile() {
    let release = Release::made();
    let archive = format!("oci-archive:{}", release.path().join("lithify-image.tar").display());
    let index: Value = serde_json::from_str(&skopeo(&["inspect", "--raw", &archive])).unwrap();
    let platforms: Vec<_> =
        index["manifests"].as_array().unwrap().iter().map(|one| one["platform"].to_string()).collect();
    assert_eq!(platforms, [r#"{"architecture":"amd64","os":"linux"}"#, r#"{"architecture":"arm64","os":"linux"}"#]);

    let dockerfile = read("Dockerfile.scratch");
    let says = |instruction: &str| {
        let line = dockerfile.lines().filter_map(|line| line.strip_prefix(instruction)).next_back();
        line.unwrap_or_else(|| panic!("no {instruction}")).trim().to_owned()
    };
    for (architecture, name) in [("amd64", "x86_64"), ("arm64", "aarch64")] {
        let image: Value =
            serde_json::from_str(&skopeo(&["--override-arch", architecture, "inspect", "--config", &archive])).unwrap();
        let config = &image["config"];
        assert_eq!(image["architecture"], architecture);
        assert_eq!(config["User"], says("USER "));
        assert_eq!(config["Entrypoint"].to_string(), says("ENTRYPOINT "));
        assert_eq!(config["WorkingDir"], says("WORKDIR "));
        let labels = config["Labels"].as_object().unwrap();
        for line in dockerfile.lines().filter(|line| line.contains("org.opencontainers.image.")) {
            let (key, value) =
                line.trim().trim_start_matches("LABEL ").trim_end_matches(" \\").split_once('=').unwrap();
            assert_eq!(labels[key], value.trim_matches('"'), "{key}");
        }
        let commit = succeeds(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(crate::project()));
        let label = |key: &str| labels[&format!("org.opencontainers.image.{key}")].as_str().unwrap().to_owned();
        assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(label("source"), env!("CARGO_PKG_REPOSITORY"));
        assert!(label("revision").starts_with(commit.trim()), "{}", label("revision"));
        assert_eq!(label("created"), image["created"]);

        // The binary alone, which anybody may run and nobody may write.
        let layout = release.work(architecture);
        skopeo(&["--override-arch", architecture, "copy", "--quiet", &archive, &format!("dir:{}", layout.display())]);
        let manifest: Value = serde_json::from_slice(&std::fs::read(layout.join("manifest.json")).unwrap()).unwrap();
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        let layer = layout.join(manifest["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:"));
        let listed = succeeds(Command::new("tar").args(["--numeric-owner", "-tvf"]).arg(&layer));
        let words: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
        let entries: Vec<_> = words.iter().map(|words| (words[0], words[1], words[5])).collect();
        assert_eq!(entries, [("drwxr-xr-x", "0/0", "bin/"), ("-r-xr-xr-x", "0/0", "bin/lithify")]);
        let content = Command::new("tar").arg("-xOf").arg(&layer).arg("bin/lithify").output().unwrap().stdout;
        assert!(content == release.read(&format!("lithify-{name}-linux")));
    }
}
