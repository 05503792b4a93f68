//! Where programs lie, by distribution and image.

/// Directories of programs, as path patterns, besides those that `PATH` usually holds. A name found there is the name
/// of a program.
pub const DIRECTORIES: [&str; 18] = [
    // Distroless images with a debug tag.
    "/busybox",
    // Debian: klibc-utils, musl-tools, and Ubuntu's coreutils in Rust.
    "/usr/lib/klibc/bin",
    "/usr/lib/*-linux-musl*/bin",
    "/usr/lib/cargo/bin",
    "/usr/lib/cargo/bin/coreutils",
    // git's own directory, in either place.
    "/usr/{lib,libexec}/git-core",
    // Java: the images of Eclipse Temurin, and packages.
    "/opt/java/openjdk/bin",
    "/usr/lib/jvm/*/bin",
    // Debian's packages of single languages and tools.
    "/usr/games",
    "/usr/lib/execline/bin",
    "/usr/lib/swi-prolog/bin/*",
    "/usr/lib/erlang/erts-*/bin",
    "/usr/lib/llvm-*/bin",
    "/usr/{lib,local}/go*/bin",
    "/usr/lib/plan9/bin",
    // s6-overlay.
    "/command",
    // Bitnami.
    "/opt/bitnami/*/{bin,sbin}",
    // NixOS and Guix: each package has its own.
    "/{nix,gnu}/store/*/{bin,sbin}",
];

/// Whether a directory at this path holds programs, as far as its name tells. In many other directories a script has
/// the name of a program too: hooks of cron and of init, reports of bugs.
pub fn holds_programs(path: &[u8]) -> bool {
    let name = crate::root::InRoot(path).name();
    let names = ["bin", "sbin", "exe", "games", "libexec", "busybox", "coreutils", "git-core", "command"];
    names.iter().any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::pattern::PathPattern;

    #[test]
    fn every_one_is_a_pattern() {
        for directory in DIRECTORIES {
            assert!(PathPattern::parse(directory).is_ok(), "{directory}");
        }
    }

    #[test]
    fn a_script_is_a_program_where_programs_lie() {
        for directory in DIRECTORIES.iter().filter(|directory| !directory.ends_with(['*', '}'])) {
            assert!(holds_programs(directory.as_bytes()), "{directory}");
        }
        for directory in ["/usr/bin", "/sbin", "/opt/venv/bin", "/nix/store/x/bin"] {
            assert!(holds_programs(directory.as_bytes()), "{directory}");
        }
        for directory in ["/usr/share/bug", "/usr/share/bug/vim", "/etc/cron.daily", "/etc/init.d", "/", "", "/binary"]
        {
            assert!(!holds_programs(directory.as_bytes()), "{directory}");
        }
    }
}
