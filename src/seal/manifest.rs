//! The manifest as text: `mtree(5)`, with what is left out as comments, and the digest as the last line.

use super::digest::{Digest, Scope};
use super::encode;
use super::exclusion::{Exclusions, Origin};
use crate::root::Canonical;

/// The first line.
pub(super) const FIRST: &[u8] = b"#mtree\n";

/// The lines before the entries.
pub fn head(scope: Scope, exclusions: &Exclusions) -> Vec<u8> {
    let mut lines = FIRST.to_vec();
    lines.extend_from_slice(match scope {
        Scope::All => b"# every file that is not left out\n",
        Scope::Executables => b"# files with an x bit, ELF files and scripts that are not left out\n",
    });
    for exclusion in exclusions.iter() {
        let (by, profile) = match &exclusion.origin {
            Origin::Always => ("always", None),
            Origin::Exclude(profile) => ("[seal] exclude", Some(profile)),
            Origin::Writable(profile) => ("[verify.mounts] writable", Some(profile)),
            Origin::WritableIfPresent(profile) => ("[verify.mounts] writable_if_present", Some(profile)),
        };
        left_out(&mut lines, by, profile.map(|profile| &**profile), exclusion.text.as_bytes());
    }
    lines
}

/// The lines after the entries: the mount points that were left out, and the digest.
pub fn tail(mounts: &[Canonical], digest: Digest) -> Vec<u8> {
    let mut lines = Vec::new();
    for mount in mounts {
        left_out(&mut lines, "another mount", None, mount);
    }
    lines.extend_from_slice(format!("# {digest}\n").as_bytes());
    lines
}

fn left_out(lines: &mut Vec<u8>, by: &str, profile: Option<&str>, what: &[u8]) {
    lines.extend_from_slice(b"# left out, ");
    lines.extend_from_slice(by.as_bytes());
    if let Some(profile) = profile {
        lines.extend_from_slice(b" of ");
        encode::name(lines, profile.as_bytes());
    }
    lines.extend_from_slice(b": ");
    encode::name(lines, what);
    lines.push(b'\n');
}
