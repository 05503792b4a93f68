//! Paths in a manifest, compared by their text alone.

use lithify::root::path::InRoot;

/// The path without `//`, `.` and a final `/`. `..` removes the part before it, as if that were no link.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// The same; `None` for a path with `..`, which may follow a link in the container.
pub(crate) fn plain(path: &str) -> Option<String> {
    path.split('/').all(|part| part != "..").then(|| normal(path))
}

/// Whether a path is this directory or in it. Nothing is in a directory without a name.
pub(crate) fn is_in(path: &str, directory: &str) -> bool {
    !directory.is_empty() && InRoot(path.as_bytes()).is_within(directory.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_the_same() {
        assert_eq!(plain("//usr/./bin//").as_deref(), Some("/usr/bin"));
        assert_eq!(plain("root/usr/").as_deref(), Some("root/usr"));
        assert_eq!(plain("/").as_deref(), Some("/"));
        assert_eq!(plain("/usr/../bin"), None);
        assert_eq!(normal("/usr/../bin/.././bin/sh"), "/bin/sh");
        assert_eq!(normal("/../x"), "/x");
        assert_eq!(normal("sh"), "sh");
    }

    #[test]
    fn what_is_in_what() {
        assert!(is_in("/usr/bin", "/usr") && is_in("/usr", "/usr") && !is_in("/usrx", "/usr") && !is_in("/usr", ""));
    }
}
