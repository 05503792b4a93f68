//! Paths inside the root, handled as text: as somebody wrote them ([`InRoot`]), and where a file really is
//! ([`Canonical`]).

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use crate::text::escape::escape;

/// A path inside the root as somebody wrote it: absolute or relative to the root, possibly with links and `..` in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InRoot<'p>(pub &'p [u8]);

impl<'p> InRoot<'p> {
    /// The last name: the whole path if it holds no `/`, empty if it ends with `/`.
    pub fn name(self) -> &'p [u8] {
        self.split().1
    }

    /// The part before the last `/`: empty if there is no `/`, and for a path right below the root.
    pub fn directory(self) -> &'p [u8] {
        self.split().0
    }

    fn split(self) -> (&'p [u8], &'p [u8]) {
        let slash = self.0.iter().rposition(|&byte| byte == b'/');
        let (directory, name) = self.0.split_at_checked(slash.unwrap_or(0)).unwrap_or_default();
        (directory, if slash.is_some() { name.get(1..).unwrap_or_default() } else { name })
    }

    /// `path` appended to this path, with one `/` between them.
    pub fn join(self, path: &[u8]) -> Vec<u8> {
        let mut joined = Vec::with_capacity(self.0.len() + 1 + path.len());
        joined.extend_from_slice(self.0);
        if joined.last() != Some(&b'/') {
            joined.push(b'/');
        }
        joined.extend_from_slice(path);
        joined
    }

    /// Whether this is `top` or lies below it. Both must be equally canonical, because only the text decides.
    pub fn is_within(self, top: &[u8]) -> bool {
        let top = if top == b"/" { b"" } else { top };
        self.0.strip_prefix(top).is_some_and(|rest| rest.starts_with(b"/") || rest.is_empty() && !top.is_empty())
    }

    /// Whether one of the two lies below the other, or both are the same.
    pub fn overlaps(self, other: &[u8]) -> bool {
        self.is_within(other) || InRoot(other).is_within(self.0)
    }
}

impl Deref for InRoot<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl<'p> From<&'p [u8]> for InRoot<'p> {
    fn from(path: &'p [u8]) -> Self {
        Self(path)
    }
}

impl<'p, const N: usize> From<&'p [u8; N]> for InRoot<'p> {
    fn from(path: &'p [u8; N]) -> Self {
        Self(path)
    }
}

impl<'p> From<&'p Vec<u8>> for InRoot<'p> {
    fn from(path: &'p Vec<u8>) -> Self {
        Self(path)
    }
}

impl<'p> From<&'p Canonical> for InRoot<'p> {
    fn from(path: &'p Canonical) -> Self {
        Self(path)
    }
}

/// Where a file inside the root is: an absolute path without links, `.`, `..` and empty names. Only `Root` finds one; a
/// name in a directory and the directory's path make another.
#[derive(Clone, Debug, Hash, PartialOrd, Ord)]
pub struct Canonical(Vec<u8>);

impl Canonical {
    /// Wraps a path that this room has found to be canonical.
    pub(super) fn found(path: Vec<u8>) -> Self {
        debug_assert!(is_canonical(&path), "{}", escape(&path));
        Self(path)
    }

    /// A path that the kernel lists as that of a mount point: absolute, and without links.
    pub(crate) fn listed(path: &[u8]) -> Self {
        Self::found(path.to_vec())
    }

    /// The path of these names below the root, the last name first. `length` is the length of the path in bytes, with a
    /// `/` before each name.
    pub(crate) fn from_names_upwards<'n>(length: usize, names: impl Iterator<Item = &'n [u8]>) -> Self {
        let mut path = vec![b'/'; length.max(1)];
        let mut end = length;
        for name in names {
            let start = end.saturating_sub(name.len());
            if let Some(place) = path.get_mut(start..end) {
                place.copy_from_slice(name);
            }
            end = start.saturating_sub(1);
        }
        Self(path)
    }

    /// The entry `name` of this directory.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        debug_assert!(is_name(name), "{}", escape(name));
        Self(InRoot(self).join(name))
    }

    /// Appends the entry `name`.
    pub(super) fn push(&mut self, name: &[u8]) {
        debug_assert!(is_name(name), "{}", escape(name));
        if self.0 != b"/" {
            self.0.push(b'/');
        }
        self.0.extend_from_slice(name);
    }

    /// The name in its directory; empty for the root.
    pub fn name(&self) -> &[u8] {
        InRoot(self).name()
    }

    /// The directory that holds it; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        match InRoot(self).split() {
            (_, b"") => None,
            (b"", _) => Some(Self::default()),
            (directory, _) => Some(Self(directory.to_vec())),
        }
    }

    /// The directories above it, nearest first, the root last.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// The names below the root that lead to it, in order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
    }

    /// Whether this is `top` or lies below it.
    pub fn is_within(&self, top: &[u8]) -> bool {
        InRoot(self).is_within(top)
    }

    /// The bytes of the path.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The root itself.
impl Default for Canonical {
    fn default() -> Self {
        Self(b"/".to_vec())
    }
}

impl Deref for Canonical {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Canonical {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Canonical {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Canonical {
    fn eq(&self, other: &T) -> bool {
        self.0 == other.as_ref()
    }
}

impl Eq for Canonical {}

impl fmt::Display for Canonical {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&escape(&self.0))
    }
}

/// The last name of a path that is text, such as a program in a command line.
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/')
}

fn is_canonical(path: &[u8]) -> bool {
    path == b"/" || path.strip_prefix(b"/").is_some_and(|names| names.split(|&byte| byte == b'/').all(is_name))
}

/// For tests, which know where a file is.
#[cfg(test)]
pub(crate) fn canonical(path: &str) -> Canonical {
    assert!(is_canonical(path.as_bytes()), "{path}");
    Canonical(path.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let name = prop::collection::vec(prop_oneof![Just(b'a'), Just(b'.'), any::<u8>()], 1..4);
        prop::collection::vec(name.prop_filter("a name", |name| is_name(name)), 0..5)
    }

    fn path(names: &[Vec<u8>]) -> Canonical {
        names.iter().fold(Canonical::default(), |path, name| path.join(name))
    }

    #[test]
    fn names_and_directories_of_written_paths() {
        for (path, directory, name) in
            [("", "", ""), ("a", "", "a"), ("/", "", ""), ("/a", "", "a"), ("/a/b", "/a", "b"), ("a/", "a", "")]
        {
            let written = InRoot(path.as_bytes());
            assert_eq!((written.directory(), written.name()), (directory.as_bytes(), name.as_bytes()), "{path}");
        }
    }

    #[test]
    fn within_and_overlapping() {
        for (path, top) in [("/usr", "/usr"), ("/usr/bin", "/usr"), ("/usr", "/"), ("/", "/")] {
            assert!(InRoot(path.as_bytes()).is_within(top.as_bytes()), "{path} {top}");
            assert!(InRoot(path.as_bytes()).overlaps(top.as_bytes()), "{path} {top}");
            assert!(InRoot(top.as_bytes()).overlaps(path.as_bytes()), "{path} {top}");
        }
        for (path, top) in [("/usr", "/usr/bin"), ("/usrlocal", "/usr"), ("/a/c", "/a/b"), ("/", "/a"), ("a", "/")] {
            assert!(!InRoot(path.as_bytes()).is_within(top.as_bytes()), "{path} {top}");
        }
        assert!(!InRoot(b"/usr").overlaps(b"/usrlocal") && !InRoot(b"/a/b").overlaps(b"/a/c"));
    }

    proptest! {
        #[test]
        fn joined_names_come_apart_again(names in names()) {
            let path = path(&names);
            prop_assert!(is_canonical(&path));
            prop_assert_eq!(path.names().map(<[u8]>::to_vec).collect::<Vec<_>>(), names.clone());
            prop_assert_eq!(path.name(), names.last().map_or(&b""[..], Vec::as_slice));
            prop_assert_eq!(path.parent().map(|parent| parent.join(path.name())), (!names.is_empty()).then(|| path.clone()));
            let length = names.iter().map(|name| 1 + name.len()).sum();
            let upwards = names.iter().rev().map(Vec::as_slice);
            prop_assert_eq!(Canonical::from_names_upwards(length, upwards), path);
        }

        #[test]
        fn a_path_is_within_its_ancestors_and_nothing_else(left in names(), right in names()) {
            let (left, right) = (path(&left), path(&right));
            prop_assert!(left.ancestors().all(|above| left.is_within(&above)));
            prop_assert_eq!(left.is_within(&right), left == right || left.ancestors().any(|above| above == right));
            prop_assert_eq!(left.ancestors().count(), left.names().count());
            prop_assert_eq!(InRoot(&left).overlaps(&right), left.is_within(&right) || right.is_within(&left));
        }

        #[test]
        fn any_text_is_taken(text: Vec<u8>, top: Vec<u8>) {
            let written = InRoot(&text);
            prop_assert!(text.ends_with(written.name()) && text.starts_with(written.directory()));
            let _ = written.is_within(&top);
        }
    }
}
