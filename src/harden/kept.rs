//! `[keep]`, resolved: the names and files that no rule takes. A link is kept with its whole chain. Reads only.

mod mounts;
mod search;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::linux::filesystem::is_left_out;
use crate::profile::{Profile, Rule, Selector};
use crate::recognise::needs::{Role, needs};
use crate::root::glob::{self, Matches};
use crate::root::pattern::PathPattern;
use crate::root::{Canonical, Directory, Entry, Failure, Identity, InRoot, Kind, Root, RootError, Stat, Unreadable};

pub use mounts::Mounts;
pub(crate) use search::programs;

/// Everything that is kept, with the reasons, and the mounts that removal may reach.
#[derive(Debug)]
pub struct Kept {
    /// The mounts that removal may reach.
    pub mounts: Mounts,
    /// The paths that `[keep]` names, on any mount.
    pub named: Vec<Named>,
    paths: HashMap<Canonical, Rc<KeepReason>>,
    files: HashMap<Identity, Rc<KeepReason>>,
    /// The kept files, each by one path, for the libraries that they need.
    found: Vec<Canonical>,
}

/// Why `[keep]` saves something.
#[derive(Debug, PartialEq, Eq)]
pub struct KeepReason {
    /// The entry of `[keep]`.
    pub entry: Rule,
    /// With an allow-list: the programs from the one that the entry names to this file, each with the role in which it
    /// needs the next.
    pub needs: Vec<(Vec<u8>, Role)>,
}

impl KeepReason {
    /// The reason to keep a file that `program`, which is kept for this reason, needs in this role.
    fn needed_by(&self, program: &[u8], role: Role) -> Rc<Self> {
        let needs = self.needs.iter().cloned().chain([(program.to_vec(), role)]).collect();
        Rc::new(Self { entry: self.entry.clone(), needs })
    }
}

/// A path that `[keep]` names. It need not exist.
#[derive(Debug)]
pub struct Named {
    /// The path.
    pub path: Vec<u8>,
    /// The entry that names it.
    pub entry: Rc<KeepReason>,
    /// Whether the entry belongs to the allow-list.
    pub only: bool,
}

impl Kept {
    /// Resolves `[keep]` and the mount points of `[remove] mounts`. Fails if something cannot be looked at: it might
    /// have to be kept.
    pub fn resolve(root: &Root, profile: &Profile) -> Result<Self, RootError> {
        let mut unreadable = Unreadable::default();
        let mounts = Mounts::of(root, profile, &mut unreadable)?;
        let kept = Self { mounts, named: Vec::new(), paths: HashMap::new(), files: HashMap::new(), found: Vec::new() };
        let mut resolution = Resolution { root, profile, search: profile.search(), kept, unreadable };
        let pending = resolution.name()?;
        resolution.follow(pending)?;
        resolution.unreadable.none()?;
        Ok(resolution.kept)
    }

    /// Why the name `path`, or the file `stat` that it belongs to, is kept; `None` if it is not.
    pub fn reason(&self, path: &Canonical, stat: &Stat) -> Option<&Rc<KeepReason>> {
        self.paths.get(path).or_else(|| if stat.kind == Kind::File { self.files.get(&stat.id) } else { None })
    }

    /// The kept files, each once. Empty unless their libraries matter (`[keep] libraries = "closure"`).
    pub fn files(&self) -> &[Canonical] {
        &self.found
    }

    /// Whether this path is kept.
    pub fn holds(&self, path: &Canonical) -> bool {
        self.paths.contains_key(path)
    }

    /// Whether this file is kept under any name.
    pub fn holds_file(&self, id: Identity) -> bool {
        self.files.contains_key(&id)
    }
}

/// Paths that are to be kept, each with the reason.
type Pending = Vec<(Vec<u8>, Rc<KeepReason>)>;

struct Resolution<'a> {
    root: &'a Root,
    profile: &'a Profile,
    search: Vec<&'a str>,
    kept: Kept,
    unreadable: Unreadable,
}

impl Resolution<'_> {
    /// Resolves the entries of `[keep]`. Returns the paths among them that removal may reach.
    fn name(&mut self) -> Result<Pending, RootError> {
        let Profile { keep, only, .. } = self.profile;
        let (mut names, mut by_name, mut by_path) = (HashMap::new(), Vec::new(), Vec::new());
        let mut entries = Vec::new();
        for (rule, only) in keep.iter().map(|rule| (rule, false)).chain(only.iter().map(|rule| (rule, true))) {
            let entry = Rc::new(KeepReason { entry: rule.clone(), needs: Vec::new() });
            let mut add = |path| self.kept.named.push(Named { path, entry: Rc::clone(&entry), only });
            match &rule.value {
                Selector::Name(name) => {
                    names.insert(name.as_bytes(), entries.len());
                    self.search.iter().for_each(|path| add(InRoot(path.as_bytes()).join(name.as_bytes())));
                }
                Selector::Path(pattern) => {
                    let matched = matches(self.root, pattern, &self.kept.mounts, &mut self.unreadable)?;
                    by_path.extend(matched.reached.iter().map(|path| (path.to_vec(), Rc::clone(&entry))));
                    matched.everywhere.unwrap_or(matched.reached).into_iter().for_each(|path| add(path.into_bytes()));
                }
                Selector::Class(_) | Selector::Others => {}
            }
            entries.push(entry);
        }
        programs(self.root, &self.search, &names, &mut |program| {
            match program {
                Ok((program, index)) => {
                    by_name.extend(entries.get(index).map(|entry| (program.path().into_bytes(), Rc::clone(entry))));
                }
                Err(error) => self.unreadable.note(error)?,
            }
            Ok(())
        })?;
        by_name.extend(by_path);
        Ok(by_name)
    }

    /// Keeps what these paths lead to. With an allow-list, everything that its programs need to start is kept, too.
    fn follow(&mut self, mut pending: Pending) -> Result<(), RootError> {
        let allow_list = !self.profile.only.is_empty();
        let mut needing: HashSet<Vec<u8>> = HashSet::new();
        while let Some((path, entry)) = pending.pop() {
            self.keep(&path, &entry)?;
            if allow_list && needing.insert(path.clone()) {
                pending.extend(
                    needs(self.root, &path, &self.search)
                        .into_iter()
                        .map(|(need, role)| (need, entry.needed_by(&path, role))),
                );
            }
        }
        Ok(())
    }

    /// Keeps the file that the path leads to, and every link on the way.
    fn keep(&mut self, path: &[u8], entry: &Rc<KeepReason>) -> Result<(), RootError> {
        let mut pending = vec![path.to_vec()];
        while let Some(path) = pending.pop() {
            let place = match self.root.walk(&path, true) {
                Ok(place) => place,
                Err(error) if error.leads_nowhere() => continue,
                Err(error) => {
                    self.unreadable.note(error)?;
                    continue;
                }
            };
            // Links to directories on the way are kept, too: without them the path does not lead to the file.
            for link in &place.links {
                self.kept.paths.insert(link.path.clone(), Rc::clone(entry));
            }
            let known = self.kept.paths.insert(place.path.clone(), Rc::clone(entry)).is_some();
            match place.stat.kind {
                Kind::File => self.keep_file(place.stat.id, place.path, entry),
                Kind::Directory if !known => self.keep_content(&place.path, entry, &mut pending)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn keep_file(&mut self, id: Identity, path: Canonical, entry: &Rc<KeepReason>) {
        if self.kept.files.insert(id, Rc::clone(entry)).is_none() && self.profile.closure() {
            self.kept.found.push(path);
        }
    }

    /// Keeps the content of a kept directory. The links in it are added to `links`.
    fn keep_content(
        &mut self,
        path: &Canonical,
        by: &Rc<KeepReason>,
        links: &mut Vec<Vec<u8>>,
    ) -> Result<(), RootError> {
        self.root.everything_below(path, &mut |entry| {
            match entry {
                Ok(entry) => {
                    let path = entry.path();
                    match entry.stat.kind {
                        Kind::File => self.keep_file(entry.stat.id, path.clone(), by),
                        Kind::Symlink => links.push(path.to_vec()),
                        Kind::Directory | Kind::Other => {}
                    }
                    self.kept.paths.insert(path, Rc::clone(by));
                }
                Err(error) => self.unreadable.note(error)?,
            }
            Ok(true)
        })
    }
}

/// What a pattern of `[keep]` matches.
struct Matched {
    /// Where rules reach. Errors there refuse the run.
    reached: Vec<Canonical>,
    /// On every mount except the kernel's own, if that may be more. A kept program may lie on a mount that rules do not
    /// reach, and what it needs to start must stay nevertheless. What lies there need not be readable.
    everywhere: Option<Vec<Canonical>>,
}

fn matches(
    root: &Root,
    pattern: &PathPattern,
    mounts: &Mounts,
    unreadable: &mut Unreadable,
) -> Result<Matched, RootError> {
    let mut search = Search { root, mounts, everywhere: false, cut: false, paths: Vec::new(), unreadable };
    glob::expand(root, pattern, &mut search)?;
    let reached = std::mem::take(&mut search.paths);
    // A second search, because a link leads to the same place from either side of a mount: its path tells nothing.
    let everywhere = if search.cut {
        search.everywhere = true;
        glob::expand(root, pattern, &mut search)?;
        Some(search.paths)
    } else {
        None
    };
    Ok(Matched { reached, everywhere })
}

struct Search<'a> {
    root: &'a Root,
    mounts: &'a Mounts,
    /// Whether `**` also enters mounts that rules do not reach.
    everywhere: bool,
    /// Whether it left out such a mount.
    cut: bool,
    paths: Vec<Canonical>,
    unreadable: &'a mut Unreadable,
}

impl Matches for Search<'_> {
    fn found(&mut self, found: Entry<'_>) -> Result<(), RootError> {
        self.paths.push(found.path());
        Ok(())
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        let late = matches!(error.failure(), Failure::Late);
        if late || !self.everywhere { self.unreadable.note(error) } else { Ok(()) }
    }

    fn enters(&mut self, parent: &Directory, child: &Directory) -> Result<bool, RootError> {
        if self.mounts.are_entered(parent, child) {
            return Ok(true);
        }
        let further = !is_left_out(self.root.filesystem_of(child)?);
        self.cut |= further;
        Ok(self.everywhere && further)
    }
}
