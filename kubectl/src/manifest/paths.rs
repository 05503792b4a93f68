//! Paths as a manifest writes them, told by their text alone.

/// Without what says nothing: `//`, `.` and a `/` at its end; `..` goes back, as if nothing on the way were a link.
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

/// The same; `None` where `..` leads somewhere that only the container can tell.
pub(crate) fn plain(path: &str) -> Option<String> {
    path.split('/').all(|part| part != "..").then(|| normal(path))
}

/// Whether a path is a directory or in it; nothing is in one without a name.
pub(crate) fn is_in(path: &str, directory: &str) -> bool {
    !directory.is_empty() && path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
