//! The manifest of the plugin for krew, and the archives that it names.
//! <https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/>

use std::fs;

use crate::archive::{File, gzip, tar};
use crate::{ARCHITECTURES, Failure, Release, sha256};

/// Writes `lithify.krew.yaml`, and a `.tar.gz` of the plugin for each architecture.
pub(crate) fn manifest(release: &Release) -> Result<(), Failure> {
    let (version, source) = (&release.version, &release.source);
    let mut manifest = format!(
        "apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: lithify
spec:
  version: v{version}
  homepage: {source}
  shortDescription: Harden containers from the inside, and check them
  description: |
    Puts lithify into manifests, says what of a manifest a profile would break,
    learns the profile of an app, seals images, and asks all hardened pods
    whether everything holds.
  platforms:
"
    );
    for architecture in &ARCHITECTURES {
        let (path, name) = release.program("kubectl-lithify", architecture);
        let mut files = vec![File { path: "kubectl-lithify".to_owned(), mode: 0o755, content: fs::read(path)? }];
        for (path, content) in release.licenses()? {
            files.push(File { path, mode: 0o644, content });
        }
        let archive = gzip(&tar(&files, release.time)?)?;
        let platform = format!(
            "    - selector:
        matchLabels: {{ os: linux, arch: {} }}
      uri: {source}/releases/download/v{version}/{name}.tar.gz
      sha256: {}
      bin: kubectl-lithify
",
            architecture.debian,
            sha256(&archive)
        );
        manifest += &platform;
        release.write(&format!("{name}.tar.gz"), archive)?;
    }
    release.write("lithify.krew.yaml", manifest)?;
    Ok(())
}
