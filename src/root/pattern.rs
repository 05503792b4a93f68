//! Path patterns: absolute globs inside the root, matched component by component on bytes.

use crate::text::escape::escape;

/// Why a pattern is not valid.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatternError {
    /// It does not begin with `/`.
    #[error("`{0}` is not an absolute path")]
    Relative(String),
    /// It holds `.` or `..`.
    #[error("`{0}` holds a `.` or `..` component")]
    DotComponent(String),
    /// It is `/`, `/**` or the like.
    #[error("`{0}` names the whole root")]
    WholeRoot(String),
    /// A component is not a valid glob.
    #[error("`{component}` in `{pattern}` is not a valid glob: {reason}")]
    Glob {
        /// The whole pattern.
        pattern: String,
        /// The component at fault.
        component: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// One component of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Component {
    /// A plain name. It is looked up, and followed if it is a link and more components follow.
    Literal(Vec<u8>),
    /// Matches names by `*`, `?`, `[a-z]` and `{a,b}`.
    Glob(Vec<u8>),
    /// `**`: any number of directories, with links not followed.
    AnyDepth,
}

impl Component {
    /// Whether a file name matches this component.
    pub fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Literal(literal) => literal == name,
            Self::Glob(glob) => fast_glob::glob_match(glob, name),
            Self::AnyDepth => true,
        }
    }
}

/// A valid pattern such as `/usr/bin/python3*` or `/opt/**/*.pl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    components: Vec<Component>,
}

impl PathPattern {
    /// Parses and validates a pattern. A malformed pattern is an error, because it would silently match nothing.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let Some(relative) = text.strip_prefix('/') else { return Err(PatternError::Relative(text.to_owned())) };
        let mut components = Vec::new();
        for part in relative.split('/').filter(|part| !part.is_empty()) {
            components.push(component(text, part)?);
        }
        if components.iter().all(|part| *part == Component::AnyDepth) {
            return Err(PatternError::WholeRoot(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), components })
    }

    /// The pattern for every file named `name`, wherever it lies; with `cut`, for every file whose name begins with
    /// `name`.
    pub fn anywhere(name: &[u8], cut: bool) -> Self {
        let mut glob = literal(name);
        glob.push(b'*');
        let last = if cut { Component::Glob(glob) } else { Component::Literal(name.to_vec()) };
        Self { text: String::new(), components: vec![Component::AnyDepth, last] }
    }

    /// The text as the profile has it; empty for [`PathPattern::anywhere`].
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches the canonical path `path`, taken as text: it follows no link.
    pub fn matches(&self, path: &[u8]) -> bool {
        let names: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
        match_names(&self.components, &names)
    }

    /// Its components, from the first below the root.
    pub fn components(&self) -> &[Component] {
        &self.components
    }
}

/// The glob that matches only this name or path: special characters are escaped.
pub fn literal(name: &[u8]) -> Vec<u8> {
    let special = |byte: &u8| b"*?[]{}\\!".contains(byte);
    name.iter().flat_map(|byte| special(byte).then_some(b'\\').into_iter().chain([*byte])).collect()
}

fn match_names(components: &[Component], names: &[&[u8]]) -> bool {
    match (components.split_first(), names.split_first()) {
        (None, None) => true,
        (Some((Component::AnyDepth, rest)), name) => {
            match_names(rest, names) || name.is_some_and(|(_, below)| match_names(components, below))
        }
        (Some((component, rest)), Some((name, below))) => component.matches(name) && match_names(rest, below),
        _ => false,
    }
}

fn component(pattern: &str, part: &str) -> Result<Component, PatternError> {
    let fail = |reason| PatternError::Glob { pattern: pattern.to_owned(), component: escape(part.as_bytes()), reason };
    match part {
        "." | ".." => return Err(PatternError::DotComponent(pattern.to_owned())),
        "**" => return Ok(Component::AnyDepth),
        _ => {}
    }
    // `/usr/bin/[` is the program of that name.
    if part == "[" || !part.contains(['*', '?', '[', '{', '\\']) {
        if part.contains('\0') {
            return Err(fail("a file name cannot hold a NUL byte"));
        }
        return Ok(Component::Literal(part.as_bytes().to_vec()));
    }
    if part.contains("**") {
        return Err(fail("`**` must be a component of its own"));
    }
    let plain = part.replace("\\\\", "").replace("\\{", "").replace("\\}", "");
    if plain.matches('{').count() != plain.matches('}').count() {
        return Err(fail("unbalanced braces; alternatives cannot hold a `/`, write two patterns instead"));
    }
    fast_glob::validate(part).map_err(|_| fail("unbalanced brackets or a stray backslash"))?;
    Ok(Component::Glob(part.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches_name(pattern: &str, name: &str) -> bool {
        PathPattern::parse(pattern).unwrap().components().last().unwrap().matches(name.as_bytes())
    }

    #[test]
    fn literals_and_globs() {
        assert!(matches_name("/usr/bin/python3*", "python3.11"));
        assert!(!matches_name("/usr/bin/python3*", "python2"));
        assert!(matches_name("/usr/bin/{vi,ex}", "ex"));
        assert!(matches_name("/usr/bin/[", "["));
        assert!(matches_name("/b/*", ".hidden"));
        assert_eq!(PathPattern::parse("//usr//bin/").unwrap().components().len(), 2);
    }

    #[test]
    fn whole_paths() {
        let matches = |pattern, path: &str| PathPattern::parse(pattern).unwrap().matches(path.as_bytes());
        for (pattern, path) in
            [("/a/b", "/a/b"), ("/a/*", "/a/b"), ("/**/b", "/b"), ("/**/b", "/a/c/b"), ("/a/**", "/a/b/c")]
        {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("/a", "/a/b"), ("/a/*", "/a/b/c"), ("/a/*", "/a"), ("/**/b", "/a/c"), ("/*", "/")] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn refused() {
        for (pattern, part) in [
            ("usr/bin/x", "absolute"),
            ("/a/../b", ".."),
            ("/", "whole root"),
            ("/**", "whole root"),
            ("/a/[b", "valid glob"),
            ("/a/{b,c/d}", "braces"),
            ("/a/**b", "component of its own"),
        ] {
            let error = PathPattern::parse(pattern).unwrap_err().to_string();
            assert!(error.contains(part), "{pattern}: {error}");
        }
    }

    proptest! {
        #[test]
        fn literally(path in "(/[^/\0]{1,9}){1,3}", other in "(/[^/\0]{1,9}){1,3}") {
            prop_assume!(!path.split('/').any(|name| name == "." || name == ".."));
            let pattern = PathPattern::parse(&String::from_utf8(literal(path.as_bytes())).unwrap()).unwrap();
            prop_assert!(pattern.matches(path.as_bytes()), "{:?}", pattern);
            prop_assert_eq!(pattern.matches(other.as_bytes()), path == other);
        }

        #[test]
        fn a_name_anywhere(name in "[^/\0]{1,12}", directory in "(/[a-z]{1,3}){0,3}", rest in "[^/\0]{0,3}") {
            prop_assume!(name != "." && name != "..");
            let path = format!("{directory}/{name}{rest}");
            prop_assert_eq!(PathPattern::anywhere(name.as_bytes(), false).matches(path.as_bytes()), rest.is_empty());
            prop_assert!(PathPattern::anywhere(name.as_bytes(), true).matches(path.as_bytes()));
        }

        #[test]
        fn a_literal_matches_itself_only(name in "[a-zA-Z0-9._+-]{1,12}", other in "[a-zA-Z0-9._+-]{1,12}") {
            prop_assume!(name != "." && name != "..");
            prop_assert_eq!(matches_name(&format!("/bin/{name}"), &other), name == other);
        }

        #[test]
        fn never_panics(pattern in ".*", name: Vec<u8>) {
            if let Ok(pattern) = PathPattern::parse(&pattern) {
                for part in pattern.components() {
                    part.matches(&name);
                }
            }
        }
    }
}
