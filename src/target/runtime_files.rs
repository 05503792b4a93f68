//! The files that runtimes and the kubelet make in each container, and most of which they mount there.

/// Where they are. What is no regular file there, or a program, is none of theirs.
pub const RUNTIME_FILES: [&str; 5] =
    ["/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv"];

/// Whether runtimes make a file at `path`, a canonical path inside the root.
pub fn is_runtime_file(path: &[u8]) -> bool {
    RUNTIME_FILES.iter().any(|file| file.as_bytes() == path)
}
