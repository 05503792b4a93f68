//! Baselines: findings that are accepted, each with its reason, as TOML.

use std::fmt::Write;
use std::path::Path;

use toml::Spanned;

use super::{Finding, classes};
use crate::profile::diagnostic::{ProfileError, SourceText, is_quoted, nearest};
use crate::profile::load::{MAX_BYTES, read_file};
use crate::profile::quote;
use crate::profile::table::Table;
use crate::root::RootError;
use crate::root::pattern::PathPattern;
use crate::text::escape::escape;

/// A baseline that was read from a file.
#[derive(Debug)]
pub struct Baseline {
    file: String,
    entries: Vec<Entry>,
}

/// One `[[accept]]`.
#[derive(Debug)]
struct Entry {
    /// `None` for the root directory, which a pattern cannot name.
    path: Option<PathPattern>,
    class: &'static str,
    /// A user's name; `None` accepts any account.
    account: Option<String>,
    reason: String,
    line: usize,
}

/// The values of one `[[accept]]` as written, and its offset in the text.
struct Written {
    start: usize,
    path: Option<Spanned<String>>,
    class: Option<Spanned<String>>,
    account: Option<String>,
    reason: Option<Spanned<String>>,
}

impl Baseline {
    /// Reads the file at `path`, a path of the caller. Fails if the file cannot be read or is not a valid baseline.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let file = escape(path.as_os_str().as_encoded_bytes());
        match read_file(path, MAX_BYTES) {
            Ok((bytes, _)) => Self::parse(SourceText::new(&file, &bytes, is_quoted(&file))?),
            Err(reason) => Err(ProfileError::Read { file, reason }),
        }
    }

    /// Parses the text. Errors name the source's file.
    fn parse(source: SourceText<'_>) -> Result<Self, ProfileError> {
        let mut top = Table::parse(source)?;
        let schema = top.number("schema");
        let written = top.tables("accept", |table, span| Written {
            start: span.start,
            path: table.string("path"),
            class: table.string("class"),
            account: table.string("account").map(Spanned::into_inner),
            reason: table.string("reason"),
        });
        let written = top.into_result(written)?;
        source.check_schema(schema.as_ref(), "a baseline")?;
        let entries: Result<_, _> = written.into_iter().map(|written| entry(source, written)).collect();
        Ok(Self { file: source.file.to_owned(), entries: entries? })
    }

    /// Marks the findings that are accepted. Returns a note for each entry that accepts nothing.
    pub fn accept<'a>(&'a self, findings: &mut [Finding<'a>]) -> Vec<String> {
        let mut stale = Vec::new();
        for entry in &self.entries {
            let mut used = false;
            for finding in findings.iter_mut().filter(|finding| entry.accepts(finding)) {
                used = true;
                finding.accepted.get_or_insert(&entry.reason);
            }
            if !used {
                let path = entry.path.as_ref().map_or("/", PathPattern::as_str);
                stale.push(format!(
                    "{}:{}: nothing of class {} is found at {} any more: remove the entry",
                    self.file,
                    entry.line,
                    entry.class,
                    escape(path.as_bytes())
                ));
            }
        }
        stale
    }
}

impl Entry {
    fn accepts(&self, finding: &Finding<'_>) -> bool {
        self.class == finding.class()
            && self.account.as_deref().is_none_or(|account| finding.account() == Some(account))
            && finding.paths().any(|path| self.path.as_ref().map_or(path == b"/", |pattern| pattern.matches(path)))
    }
}

fn entry(source: SourceText<'_>, written: Written) -> Result<Entry, ProfileError> {
    let missing = |key| {
        let hint = "each [[accept]] has path, class and reason".to_owned();
        source.error(written.start..written.start, format!("`{key}` is missing"), Some(hint))
    };
    let path = written.path.ok_or_else(|| missing("path"))?;
    let class = written.class.ok_or_else(|| missing("class"))?;
    let reason = written.reason.ok_or_else(|| missing("reason"))?;
    let pattern = match path.get_ref().as_str() {
        "/" => None,
        text => Some(PathPattern::parse(text).map_err(|error| source.error(path.span(), error.to_string(), None))?),
    };
    let name = class.get_ref();
    let classes = classes();
    let known = classes.iter().copied().find(|known| known == name).ok_or_else(|| {
        let hint = match nearest(name, &classes) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("classes are {}", classes.join(", ")),
        };
        source.error(class.span(), format!("there is no class `{}`", escape(name.as_bytes())), Some(hint))
    })?;
    if reason.get_ref().trim().is_empty() {
        let hint = Some("say why it may be there: whoever reviews this next will ask".to_owned());
        return Err(source.error(reason.span(), "`reason` is empty", hint));
    }
    Ok(Entry {
        path: pattern,
        class: known,
        account: written.account,
        reason: reason.into_inner(),
        line: source.text.get(..written.start).unwrap_or_default().matches('\n').count() + 1,
    })
}

/// Returns a baseline that accepts all of `findings`. A finding that is accepted already keeps its reason. Each file
/// that could not be looked at becomes a comment.
pub fn write(findings: &[Finding<'_>], unreadable: &[RootError]) -> String {
    let mut text = String::new();
    for error in unreadable {
        let _ = writeln!(text, "# could not be looked at: {error}");
    }
    text.push_str("schema = 1\n");
    for finding in findings {
        let _ =
            write!(text, "\n[[accept]]\npath = {}\nclass = \"{}\"\n", quote(&literal(finding.path())), finding.class());
        if let Some(account) = finding.account() {
            let _ = writeln!(text, "account = {}", quote(account));
        }
        let _ = writeln!(text, "reason = {}", quote(finding.accepted.unwrap_or("as found, not reviewed yet")));
    }
    text
}

/// A pattern that matches the path. `?` replaces each byte that has a meaning in patterns, is not printable, or is not
/// UTF-8.
fn literal(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for part in path.split(|&byte| byte == b'/').skip(1) {
        text.push('/');
        if part == b"[" {
            text.push('[');
            continue;
        }
        for chunk in part.utf8_chunks() {
            for c in chunk.valid().chars() {
                if "*?[]{}!".contains(c) || !is_plain(c) {
                    // One for each byte.
                    text.extend(std::iter::repeat_n('?', c.len_utf8()));
                } else {
                    text.push(c);
                }
            }
            text.extend(chunk.invalid().iter().map(|_| '?'));
        }
    }
    text
}

/// Whether the character is printed as it is.
fn is_plain(c: char) -> bool {
    escape(c.encode_utf8(&mut [0; 4]).as_bytes()).len() == c.len_utf8()
}

#[cfg(test)]
mod tests {
    use super::super::{Scan, Weakness};
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Baseline, String> {
        Baseline::parse(SourceText { file: "b.toml", text, quoted: true }).map_err(|error| error.to_string())
    }

    fn weak(class: &'static str, path: &[u8], account: Option<&str>) -> Weakness {
        Weakness { class, path: path.to_vec(), account: account.map(str::to_owned), detail: String::new() }
    }

    fn scan(weaknesses: Vec<Weakness>) -> Scan {
        Scan { weaknesses, ..Scan::default() }
    }

    const HEAD: &str = "schema = 1\n[[accept]]\n";

    #[test]
    fn mistakes_say_where_and_what() {
        for (text, place, says) in [
            (String::new(), "b.toml:1:1", "the file is empty"),
            ("schema = 2".to_owned(), "b.toml:1:10", "not known"),
            (format!("{HEAD}class = \"setuid\"\nreason = \"r\""), "b.toml:2:1", "`path` is missing"),
            (format!("{HEAD}path = \"/a\"\nreason = \"r\""), "b.toml:2:1", "`class` is missing"),
            (format!("{HEAD}path = \"/a\"\nclass = \"setuid\""), "b.toml:2:1", "`reason` is missing"),
            (format!("{HEAD}path = \"a\"\nclass = \"setuid\"\nreason = \"r\""), "b.toml:3:8", "absolute"),
            (
                format!("{HEAD}path = \"/a\"\nclass = \"setuidd\"\nreason = \"r\""),
                "b.toml:4:9",
                "did you mean `setuid`?",
            ),
            (format!("{HEAD}path = \"/a\"\nclass = \"setuid\"\nreason = \" \""), "b.toml:5:10", "empty"),
            (
                format!("{HEAD}path = \"/a\"\nclass = \"setuid\"\nreasons = \"r\""),
                "b.toml:5:1",
                "did you mean `reason`?",
            ),
            ("schema = 1\n[accept]\npath = \"/a\"".to_owned(), "b.toml:2:1", "must be a list of tables"),
            ("schema = 1\nacept = []".to_owned(), "b.toml:2:1", "did you mean `accept`?"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(place) && error.contains(says), "{text}\n{error}");
        }
    }

    #[test]
    fn an_entry_accepts_by_class_path_and_account() {
        let text = "schema = 1\n[[accept]]\npath = \"/b/*\"\nclass = \"setuid\"\nreason = \"one\"\n\
            [[accept]]\npath = \"/etc/passwd\"\nclass = \"login-shell\"\naccount = \"root\"\nreason = \"two\"\n\
            [[accept]]\npath = \"/none\"\nclass = \"setgid\"\nreason = \"three\"\n";
        let baseline = parse(text).unwrap();
        let scan = scan(vec![
            weak("setuid", b"/b/su", None),
            weak("setgid", b"/b/su", None),
            weak("setuid", b"/c/su", None),
            weak("login-shell", b"/etc/passwd", Some("root")),
            weak("login-shell", b"/etc/passwd", Some("evil")),
        ]);
        let mut findings = scan.findings();
        let stale = baseline.accept(&mut findings);
        let accepted: Vec<_> = findings.iter().map(|finding| finding.accepted).collect();
        assert_eq!(accepted, [Some("one"), None, None, Some("two"), None]);
        assert_eq!(stale.len(), 1);
        assert!(stale[0].starts_with("b.toml:11: nothing of class setgid is found at /none"), "{stale:?}");
    }

    #[test]
    fn reasons_are_kept_when_a_baseline_is_written_again() {
        let baseline =
            parse(&format!("{HEAD}path = \"/b/*\"\nclass = \"setuid\"\nreason = \"it \\\"must\\\"\"")).unwrap();
        let scan = scan(vec![weak("setuid", b"/b/su", None), weak("setuid", b"/", None)]);
        let mut findings = scan.findings();
        baseline.accept(&mut findings);
        let again = parse(&write(&findings, &[])).unwrap();
        let reasons: Vec<&str> = again.entries.iter().map(|entry| entry.reason.as_str()).collect();
        assert_eq!(reasons, ["it \"must\"", "as found, not reviewed yet"]);
    }

    proptest! {
        #[test]
        fn what_is_written_accepts_what_was_found(names in prop::collection::vec(
            prop_oneof![prop::collection::vec(any::<u8>(), 1..9), "[]a*?{}!,\\\\^é\u{202e}λ-]{1,6}".prop_map(String::into_bytes)], 1..4))
        {
            let names: Vec<Vec<u8>> = names
                .into_iter()
                .map(|name| name.into_iter().filter(|byte| !matches!(byte, 0 | b'/')).collect::<Vec<u8>>())
                .filter(|name| !matches!(name.as_slice(), b"" | b"." | b".."))
                .collect();
            let path = [b"/".as_slice(), &names.join(&b'/')].concat();
            let scan = scan(vec![weak("setuid", &path, Some("a\"b\u{7f}"))]);
            let mut findings = scan.findings();
            let baseline = parse(&write(&findings, &[])).unwrap();
            prop_assert!(baseline.accept(&mut findings).is_empty());
            prop_assert!(findings[0].accepted.is_some(), "{}", write(&findings, &[]));
        }

        #[test]
        fn never_panics(text: String) {
            let _ = parse(&text);
        }
    }
}
