//! Where programs lie, by distribution and image.

/// Directories of programs, as path patterns, besides those that `PATH` usually holds: a name found there is a program's.
pub const DIRECTORIES: [&str; 10] = [
    // Distroless images with a debug tag.
    "/busybox",
    // Debian: klibc-utils, musl-tools, and Ubuntu's coreutils in Rust.
    "/usr/lib/klibc/bin",
    "/usr/lib/*-linux-musl*/bin",
    "/usr/lib/cargo/bin",
    "/usr/lib/cargo/bin/coreutils",
    // git's own directory, here or there.
    "/usr/{lib,libexec}/git-core",
    // Java: the images of Eclipse Temurin, and packages.
    "/opt/java/openjdk/bin",
    "/usr/lib/jvm/*/bin",
    // Bitnami.
    "/opt/bitnami/*/{bin,sbin}",
    // NixOS and Guix: each package has its own.
    "/{nix,gnu}/store/*/{bin,sbin}",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::PathPattern;

    #[test]
    fn every_one_is_a_pattern() {
        for directory in DIRECTORIES {
            assert!(PathPattern::parse(directory).is_ok(), "{directory}");
        }
    }
}
