//! What a path pattern matches inside the root. Reads only.

use std::ffi::{CStr, CString};

use super::pattern::{Component, PathPattern};
use super::{Canonical, Directory, EntryKind, InRoot, Kind, Root, RootError, Stat, Unreadable, Visitor, walk_below};
use crate::linux::filesystem::is_left_out;
use crate::linux::sys::DIRENT_BUFFER;

/// One match.
#[derive(Clone, Copy)]
pub struct Match<'a> {
    /// Its directory.
    pub directory: &'a Canonical,
    /// What is known of that directory.
    pub parent: &'a Stat,
    /// Its name there.
    pub name: &'a [u8],
    /// What is known of it; of a link, the link.
    pub stat: Stat,
}

impl Match<'_> {
    /// Where it is.
    pub fn path(&self) -> Canonical {
        self.directory.join(self.name)
    }
}

/// Who is told what matches.
pub trait Matches {
    /// A file that the pattern matches. A link in the middle is followed, a last one is the match.
    fn found(&mut self, found: Match<'_>) -> Result<(), RootError>;

    /// Something could not be looked at; an error ends the search. What is not there is no error.
    fn failed(&mut self, error: RootError) -> Result<(), RootError>;

    /// Whether `**` goes down from `parent` into `child`.
    fn enters(&mut self, parent: &Directory, child: &Directory) -> bool;
}

/// Expands patterns.
pub struct Glob<'a> {
    root: &'a Root,
    buffer: Vec<u8>,
}

impl<'a> Glob<'a> {
    /// Inside `root`.
    pub fn new(root: &'a Root) -> Self {
        Self { root, buffer: Vec::new() }
    }

    /// Tells `matches` of every file that `pattern` matches.
    pub fn expand(&mut self, pattern: &PathPattern, matches: &mut dyn Matches) -> Result<(), RootError> {
        self.expand_from(&Canonical::default(), pattern.components(), matches)
    }

    fn expand_from(
        &mut self,
        base: &Canonical,
        components: &[Component],
        matches: &mut dyn Matches,
    ) -> Result<(), RootError> {
        let literals = components.iter().take_while(|component| matches!(component, Component::Literal(_))).count();
        let (literals, rest) = components.split_at(literals);
        if !literals.is_empty() {
            return self.follow(base, literals, rest, matches);
        }
        match components.split_first() {
            None => Ok(()),
            Some((Component::AnyDepth, rest)) => self.at_any_depth(base, rest, matches),
            Some((component, rest)) => self.in_directory(base, component, rest, matches),
        }
    }

    /// Plain names, and then `rest`.
    fn follow(
        &mut self,
        base: &Canonical,
        literals: &[Component],
        rest: &[Component],
        matches: &mut dyn Matches,
    ) -> Result<(), RootError> {
        let names = literals
            .iter()
            .filter_map(|part| if let Component::Literal(name) = part { Some(name.as_slice()) } else { None });
        let path = names.collect::<Vec<_>>().join(&b'/');
        // Most paths of a profile are not there, which takes one system call to see in place of one a component.
        let directory = if rest.is_empty() { InRoot(&path).directory() } else { &path };
        if *base == b"/" && self.root.resolve(directory).is_err_and(|error| error.leads_nowhere()) {
            return Ok(());
        }
        match self.root.walk_from(base, &path, !rest.is_empty()) {
            Ok(place) if rest.is_empty() => {
                let directory = place.directory();
                match self.root.resolve(&directory) {
                    Ok(parent) => {
                        let (name, stat) = (place.path.name(), place.stat);
                        matches.found(Match { directory: &directory, parent: &parent, name, stat })
                    }
                    Err(error) => matches.failed(error),
                }
            }
            Ok(place) if place.stat.kind == Kind::Directory => self.expand_from(&place.path, rest, matches),
            Ok(_) => Ok(()),
            Err(error) if error.leads_nowhere() => Ok(()),
            Err(error) => matches.failed(error),
        }
    }

    /// The names in the directory at `base` that `component` matches, and then `rest`.
    fn in_directory(
        &mut self,
        base: &Canonical,
        component: &Component,
        rest: &[Component],
        matches: &mut dyn Matches,
    ) -> Result<(), RootError> {
        let directory = match self.root.directory(base) {
            Ok(directory) => directory,
            Err(error) => return matches.failed(error),
        };
        let last = rest.is_empty();
        let mut names: Vec<CString> = Vec::new();
        self.buffer.resize(DIRENT_BUFFER, 0);
        let listed = directory.for_each(&mut self.buffer, |name, kind| {
            let may_lead_on = !matches!(kind, EntryKind::Known(Kind::File | Kind::Other));
            if component.matches(name.to_bytes()) && (last || may_lead_on) {
                names.push(name.to_owned());
            }
            Ok::<(), RootError>(())
        });
        listed.or_else(|error| matches.failed(error))?;
        for name in names {
            let stat = match directory.stat(&name) {
                Ok(stat) => stat,
                Err(error) => {
                    matches.failed(error)?;
                    continue;
                }
            };
            if last {
                matches.found(found(&directory, &name, stat))?;
                continue;
            }
            match self.root.walk_from(directory.path(), name.to_bytes(), true) {
                Ok(place) if place.stat.kind == Kind::Directory => self.expand_from(&place.path, rest, matches)?,
                Ok(_) => {}
                Err(error) if error.leads_nowhere() => {}
                Err(error) => matches.failed(error)?,
            }
        }
        Ok(())
    }

    /// What `rest` matches in the directory at `base` and in every one below it.
    fn at_any_depth(
        &mut self,
        base: &Canonical,
        rest: &[Component],
        matches: &mut dyn Matches,
    ) -> Result<(), RootError> {
        let root = self.root;
        let one = match rest {
            [] => Some(&Component::AnyDepth),
            [component] => Some(component),
            _ => None,
        };
        if one.is_none() {
            self.expand_from(base, rest, matches)?;
        }
        match root.directory(base) {
            Ok(directory) => walk_below(root, directory, (), &mut AnyDepth { glob: self, one, rest, matches }),
            Err(error) => matches.failed(error),
        }
    }
}

struct AnyDepth<'g, 'a, 'p, 'm> {
    glob: &'g mut Glob<'a>,
    /// What the name itself must be, where nothing more follows.
    one: Option<&'p Component>,
    rest: &'p [Component],
    matches: &'m mut dyn Matches,
}

impl AnyDepth<'_, '_, '_, '_> {
    fn look(&mut self, directory: &Directory, name: &CStr) -> Result<(), RootError> {
        if !self.one.is_some_and(|one| one.matches(name.to_bytes())) {
            return Ok(());
        }
        let stat = directory.stat(name)?;
        self.matches.found(found(directory, name, stat))
    }
}

impl Visitor for AnyDepth<'_, '_, '_, '_> {
    type Look = ();

    fn entry(&mut self, directory: &Directory, (): (), name: &CStr, _: Kind) -> Result<(), RootError> {
        self.look(directory, name)
    }

    fn meet(&mut self, parent: &Directory, (): (), name: &CStr) -> Result<bool, RootError> {
        self.look(parent, name).map(|()| true)
    }

    fn enter(&mut self, parent: &Directory, (): (), _: &CStr, child: &Directory) -> Result<Option<()>, RootError> {
        let further = self.matches.enters(parent, child);
        if further && self.one.is_none() {
            self.glob.expand_from(child.path(), self.rest, self.matches)?;
        }
        Ok(further.then_some(()))
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.matches.failed(error)
    }
}

fn found<'d>(directory: &'d Directory, name: &'d CStr, stat: Stat) -> Match<'d> {
    Match { directory: directory.path(), parent: directory.own_stat(), name: name.to_bytes(), stat }
}

/// What `pattern` matches on every mount but the kernel's own, and what could not be looked at.
pub fn matches(root: &Root, pattern: &PathPattern) -> Result<(Vec<Canonical>, Vec<RootError>), RootError> {
    struct Paths<'a> {
        root: &'a Root,
        paths: Vec<Canonical>,
        unreadable: Unreadable,
    }
    impl Matches for Paths<'_> {
        fn found(&mut self, found: Match<'_>) -> Result<(), RootError> {
            self.paths.push(found.path());
            Ok(())
        }

        fn failed(&mut self, error: RootError) -> Result<(), RootError> {
            self.unreadable.note(error)
        }

        fn enters(&mut self, parent: &Directory, child: &Directory) -> bool {
            child.own_stat().mount == parent.own_stat().mount || !self.root.filesystem_of(child).is_none_or(is_left_out)
        }
    }
    let mut paths = Paths { root, paths: Vec::new(), unreadable: Unreadable::default() };
    Glob::new(root).expand(pattern, &mut paths)?;
    Ok((paths.paths, paths.unreadable.into_errors()))
}
