//! What is gone, new and left since an earlier scan. The earlier scan is read from its JSON.

use std::path::Path;

use serde::Serialize;

use super::{Finding, classes};
use crate::profile::load::read_file;
use crate::scan::json::Json;
use crate::text::escape::escape;
use crate::text::order::sort_by;

/// The JSON of a scan of a whole machine is about 1 MiB.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// One name of something that was found. Each name of a program counts, so a further hard link is new.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Thing {
    /// Its class.
    pub class: String,
    /// Its path, escaped.
    pub path: String,
    /// The user's name, if it is about a user in this file.
    pub account: Option<String>,
}

/// An earlier scan.
#[derive(Debug)]
pub struct Before {
    things: Vec<Thing>,
    /// The number of things that could not be looked at then.
    unverified: usize,
}

/// The difference between two scans.
#[derive(Debug, Default, Serialize)]
pub struct Comparison {
    /// The number of names before and after, for each class that has any.
    pub classes: Vec<Change>,
    /// No longer there.
    pub gone: Vec<Thing>,
    /// Not there before.
    pub new: Vec<Thing>,
    /// Still there.
    pub left: Vec<Thing>,
}

/// Names of one class.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The class.
    pub class: String,
    /// How many there were.
    pub before: usize,
    /// How many there are.
    pub after: usize,
}

impl Before {
    /// Reads what `scan --format json` printed, from a file at a path of the caller. The error is a sentence.
    pub fn load(path: &Path) -> Result<Self, String> {
        let file = escape(path.as_os_str().as_encoded_bytes());
        let (bytes, _) = read_file(path, MAX_BYTES).map_err(|reason| format!("{file}: cannot be read: {reason}"))?;
        Self::parse(&bytes).map_err(|reason| format!("{file}: {reason}"))
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?;
        let scan = Json::parse(text).map_err(|error| error.to_string())?;
        if scan.text("command") != Some("scan") {
            return Err("is not a result of lithify scan --format json".to_owned());
        }
        if scan.get("schema") != Some(&Json::Other("1".to_owned())) {
            return Err(format!("its schema is not known to lithify {}", env!("CARGO_PKG_VERSION")));
        }
        let (Some(programs), Some(weaknesses)) = (scan.list("programs"), scan.list("weaknesses")) else {
            return Err("that scan failed, so it found nothing to compare with".to_owned());
        };
        let mut things = Vec::new();
        for found in programs.iter().chain(weaknesses) {
            let (Some(class), Some(path)) = (found.text("class"), found.text("path")) else {
                return Err("a finding has no class or no path".to_owned());
            };
            let thing = |path: &str, account: Option<&str>| Thing {
                class: class.to_owned(),
                path: path.to_owned(),
                account: account.map(str::to_owned),
            };
            for name in found.list("names").unwrap_or_default() {
                if let Json::Text(name) = name {
                    things.push(thing(name, None));
                }
            }
            things.push(thing(path, found.text("account")));
        }
        Ok(Self { things, unverified: scan.list("unverified").map_or(0, <[_]>::len) })
    }

    /// Why the comparison may be wrong; `None` if it is not in doubt.
    pub fn doubt(&self) -> Option<String> {
        (self.unverified > 0)
            .then(|| format!("the earlier scan could not look at {} files: they may show as new", self.unverified))
    }
}

/// Compares what is there now with what was there before, and marks what is new.
pub fn compare(before: &Before, findings: &mut [Finding<'_>]) -> Comparison {
    let mut was: Vec<&Thing> = before.things.iter().collect();
    sort_by(&mut was, Ord::cmp);
    let mut comparison = Comparison::default();
    for finding in findings {
        finding.is_new = false;
        for path in finding.paths() {
            let thing = Thing {
                class: finding.class().to_owned(),
                path: escape(path),
                account: finding.account().map(str::to_owned),
            };
            if was.binary_search(&&thing).is_ok() {
                comparison.left.push(thing);
            } else {
                finding.is_new = true;
                comparison.new.push(thing);
            }
        }
    }
    let mut left: Vec<&Thing> = comparison.left.iter().collect();
    sort_by(&mut left, Ord::cmp);
    comparison.gone = before.things.iter().filter(|thing| left.binary_search(thing).is_err()).cloned().collect();
    let Comparison { gone, new, left, .. } = &comparison;
    let mut all: Vec<&str> = classes();
    // The earlier scan may come from a newer version, which may know more classes.
    for thing in gone {
        if !all.contains(&thing.class.as_str()) {
            all.push(&thing.class);
        }
    }
    let changes = all.into_iter().map(|class| {
        let count = |things: &[Thing]| things.iter().filter(|thing| thing.class == class).count();
        Change { class: class.to_owned(), before: count(gone) + count(left), after: count(new) + count(left) }
    });
    comparison.classes = changes.filter(|change| change.before + change.after > 0).collect();
    comparison
}

#[cfg(test)]
mod tests {
    use super::super::{Scan, Weakness};
    use super::*;
    use proptest::prelude::*;

    fn weak(class: &'static str, path: &str, account: Option<&str>) -> Weakness {
        let (path, account) = (path.as_bytes().to_vec(), account.map(str::to_owned));
        Weakness { class, path, account, detail: String::new() }
    }

    const BEFORE: &str = r#"{"schema":1,"command":"scan","programs":[
        {"class":"shell","path":"/bin/dash","names":["/bin/sh"]}],
        "weaknesses":[{"class":"login-shell","path":"/etc/passwd","account":"root"},
        {"class":"of tomorrow","path":"/x","account":null}],"unverified":["x"]}"#;

    #[test]
    fn gone_new_and_left() {
        let before = Before::parse(BEFORE.as_bytes()).unwrap();
        assert!(before.doubt().unwrap().contains("1 files"));
        let weaknesses =
            vec![weak("login-shell", "/etc/passwd", Some("root")), weak("login-shell", "/etc/passwd", Some("evil"))];
        let scan = Scan { weaknesses, ..Scan::default() };
        let mut findings = scan.findings();
        let comparison = compare(&before, &mut findings);
        let paths = |things: &[Thing]| -> Vec<String> {
            things.iter().map(|thing| format!("{} {:?}", thing.path, thing.account)).collect()
        };
        assert_eq!(paths(&comparison.gone), ["/bin/sh None", "/bin/dash None", "/x None"]);
        assert_eq!(paths(&comparison.new), ["/etc/passwd Some(\"evil\")"]);
        assert_eq!(paths(&comparison.left), ["/etc/passwd Some(\"root\")"]);
        let counts: Vec<_> =
            comparison.classes.iter().map(|change| (change.class.as_str(), change.before, change.after)).collect();
        assert_eq!(counts, [("shell", 2, 0), ("login-shell", 1, 2), ("of tomorrow", 1, 0)]);
        assert_eq!(findings.iter().map(Finding::counts).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn what_is_no_scan_is_said() {
        for (text, says) in [
            ("", "not JSON"),
            ("[]", "not a result"),
            (r#"{"schema":1,"command":"harden"}"#, "not a result"),
            (r#"{"schema":2,"command":"scan"}"#, "schema"),
            (r#"{"schema":1,"command":"scan","error":"no such file"}"#, "failed"),
            (r#"{"schema":1,"command":"scan","programs":[{}],"weaknesses":[]}"#, "no class"),
        ] {
            let error = Before::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text: Vec<u8>) {
            let _ = Before::parse(&text);
        }
    }
}
