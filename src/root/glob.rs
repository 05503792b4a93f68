//! What a path pattern matches inside the root. This module only reads.

use std::ffi::{CStr, CString};

use super::pattern::{Component, PathPattern};
use super::{Canonical, Directory, Entry, InRoot, Kind, Look, Root, RootError, Unreadable, Visitor, walk_below};
use crate::linux::filesystem::is_left_out;

/// Receives what a pattern matches.
pub trait Matches {
    /// A file that the pattern matches. A link in the middle is followed; a final link is the match.
    fn found(&mut self, found: Entry<'_>) -> Result<(), RootError>;

    /// Something could not be looked at. If this returns an error, the search ends. A missing file is not a failure.
    fn failed(&mut self, error: RootError) -> Result<(), RootError>;

    /// Whether `**` goes down from `parent` into `child`.
    fn enters(&mut self, parent: &Directory, child: &Directory) -> Result<bool, RootError>;
}

/// Calls `matches` for every file that `pattern` matches.
pub fn expand(root: &Root, pattern: &PathPattern, matches: &mut dyn Matches) -> Result<(), RootError> {
    expand_from(root, &Canonical::default(), pattern.components(), matches)
}

fn expand_from(
    root: &Root,
    base: &Canonical,
    components: &[Component],
    matches: &mut dyn Matches,
) -> Result<(), RootError> {
    let literals = components.iter().take_while(|component| matches!(component, Component::Literal(_))).count();
    let (literals, rest) = components.split_at(literals);
    if !literals.is_empty() {
        return follow(root, base, literals, rest, matches);
    }
    match components.split_first() {
        None => Ok(()),
        Some((Component::AnyDepth, rest)) => at_any_depth(root, base, rest, matches),
        Some((component, rest)) => in_directory(root, base, component, rest, matches),
    }
}

/// Follows plain names, and then `rest`.
fn follow(
    root: &Root,
    base: &Canonical,
    literals: &[Component],
    rest: &[Component],
    matches: &mut dyn Matches,
) -> Result<(), RootError> {
    let names = literals
        .iter()
        .filter_map(|part| if let Component::Literal(name) = part { Some(name.as_slice()) } else { None });
    let path = names.collect::<Vec<_>>().join(&b'/');
    // Most paths of a profile do not exist. One system call shows that, instead of one per component.
    let directory = if rest.is_empty() { InRoot(&path).directory() } else { &path };
    if *base == b"/" && root.resolve(directory).is_err_and(|error| error.leads_nowhere()) {
        return Ok(());
    }
    match root.walk_from(base, &path, !rest.is_empty()) {
        Ok(place) if rest.is_empty() => {
            let directory = place.directory();
            match root.resolve(&directory) {
                Ok(parent) => {
                    let (name, stat) = (place.path.name(), place.stat);
                    matches.found(Entry { directory: &directory, parent: &parent, name, stat })
                }
                Err(error) => matches.failed(error),
            }
        }
        Ok(place) if place.stat.kind == Kind::Directory => expand_from(root, &place.path, rest, matches),
        Ok(_) => Ok(()),
        Err(error) if error.leads_nowhere() => Ok(()),
        Err(error) => matches.failed(error),
    }
}

/// Follows the names in the directory at `base` that `component` matches, and then `rest`.
fn in_directory(
    root: &Root,
    base: &Canonical,
    component: &Component,
    rest: &[Component],
    matches: &mut dyn Matches,
) -> Result<(), RootError> {
    let directory = match root.directory(base) {
        Ok(directory) => directory,
        Err(error) => return matches.failed(error),
    };
    let last = rest.is_empty();
    let mut names: Vec<CString> = Vec::new();
    directory.list(&mut |listed| {
        let (name, kind) = match listed {
            Ok(listed) => listed,
            Err(error) => return matches.failed(error),
        };
        let may_lead_on = !matches!(kind, Kind::File | Kind::Other);
        if component.matches(name.to_bytes()) && (last || may_lead_on) {
            names.push(name.to_owned());
        }
        Ok(())
    })?;
    for name in names {
        let stat = match directory.stat(&name) {
            Ok(stat) => stat,
            Err(error) => {
                matches.failed(error)?;
                continue;
            }
        };
        if last {
            matches.found(Entry::new(&directory, &name, stat))?;
            continue;
        }
        match root.walk_from(directory.path(), name.to_bytes(), true) {
            Ok(place) if place.stat.kind == Kind::Directory => expand_from(root, &place.path, rest, matches)?,
            Ok(_) => {}
            Err(error) if error.leads_nowhere() => {}
            Err(error) => matches.failed(error)?,
        }
    }
    Ok(())
}

/// Follows `rest` in the directory at `base` and in every directory below it.
fn at_any_depth(root: &Root, base: &Canonical, rest: &[Component], matches: &mut dyn Matches) -> Result<(), RootError> {
    let one = match rest {
        [] => Some(&Component::AnyDepth),
        [component] => Some(component),
        _ => None,
    };
    if one.is_none() {
        expand_from(root, base, rest, matches)?;
    }
    match root.directory(base) {
        Ok(directory) => walk_below(root, directory, &mut AnyDepth { root, one, rest, matches }),
        Err(error) => matches.failed(error),
    }
}

struct AnyDepth<'a, 'p, 'm> {
    root: &'a Root,
    /// What the name itself must match, if no other component follows.
    one: Option<&'p Component>,
    rest: &'p [Component],
    matches: &'m mut dyn Matches,
}

impl AnyDepth<'_, '_, '_> {
    fn look(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        if !self.one.is_some_and(|one| one.matches(name.to_bytes())) {
            return Ok(());
        }
        let stat = directory.stat(name)?;
        self.matches.found(Entry::new(directory, name, stat))
    }
}

impl Visitor for AnyDepth<'_, '_, '_> {
    fn entry(&mut self, directory: &Directory, _: Look, name: &CStr, _: Kind) -> Result<(), RootError> {
        self.look(directory, name)
    }

    fn meet(&mut self, parent: &Directory, _: Look, name: &CStr) -> Result<bool, RootError> {
        self.look(parent, name).map(|()| true)
    }

    fn enter(&mut self, parent: &Directory, _: Look, _: &CStr, child: &Directory) -> Result<Option<Look>, RootError> {
        let further = self.matches.enters(parent, child)?;
        if further && self.one.is_none() {
            expand_from(self.root, child.path(), self.rest, self.matches)?;
        }
        Ok(further.then_some(Look::All))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.matches.failed(error)
    }
}

/// The paths that `pattern` matches on every mount except the kernel's own, and errors for what could not be looked at.
pub fn matches(root: &Root, pattern: &PathPattern) -> Result<(Vec<Canonical>, Vec<RootError>), RootError> {
    struct Paths<'a> {
        root: &'a Root,
        paths: Vec<Canonical>,
        unreadable: Unreadable,
    }
    impl Matches for Paths<'_> {
        fn found(&mut self, found: Entry<'_>) -> Result<(), RootError> {
            self.paths.push(found.path());
            Ok(())
        }

        fn failed(&mut self, error: RootError) -> Result<(), RootError> {
            self.unreadable.note(error)
        }

        fn enters(&mut self, parent: &Directory, child: &Directory) -> Result<bool, RootError> {
            Ok(child.own_stat().mount == parent.own_stat().mount || !is_left_out(self.root.filesystem_of(child)?))
        }
    }
    let mut paths = Paths { root, paths: Vec::new(), unreadable: Unreadable::default() };
    expand(root, pattern, &mut paths)?;
    Ok((paths.paths, paths.unreadable.into_errors()))
}
