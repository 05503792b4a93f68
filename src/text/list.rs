//! Strings and lists as a person writes them: in quotes, in brackets. `{:?}` is of no use here: the shipped build
//! prints nothing for it.

use super::escape::escape;

/// A string in quotes, on one line.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", escape(text.as_bytes()).replace('"', "\\\""))
}

/// `["a", "b"]`.
pub fn strings(list: &[String]) -> String {
    brackets(&list.iter().map(|text| quoted(text)).collect::<Vec<_>>())
}

/// `[1, 2]`.
pub fn numbers(list: &[u32]) -> String {
    brackets(&list.iter().map(u32::to_string).collect::<Vec<_>>())
}

fn brackets(list: &[String]) -> String {
    format!("[{}]", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_debug_prints_it(list in proptest::collection::vec("[ -~\\n\\t\u{1}\u{7f}ä]{0,9}", 0..4), ids: Vec<u32>) {
            prop_assert_eq!(strings(&list), format!("{list:?}"));
            prop_assert_eq!(numbers(&ids), format!("{ids:?}"));
        }
    }

    /// The shipped build leaves out what `Debug` prints (`-Zfmt-debug=none`), and would say nothing there.
    #[test]
    fn nothing_that_a_person_reads_is_printed_by_debug() {
        fn sources(directory: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources(&path, out);
                } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                    out.push(path);
                }
            }
        }
        let mut files = Vec::new();
        sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
        assert!(files.len() > 100, "{}", files.len());
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                assert!(!line.contains(concat!("?", "}")), "{}: {line}", file.display());
            }
        }
    }
}
