//! Shared libraries: which of the found files must stay as libraries, and with `[keep] libraries = "closure"`, which
//! libraries are needed.

use std::collections::HashMap;
use std::rc::Rc;

use super::removals::Removals;
use super::selection::Scope;
use super::{MissingLibrary, Note};
use crate::harden::found::{Found, LibraryReason};
use crate::harden::protection::Protection;
use crate::recognise::elf::{self, Elf, may_be_library};
use crate::recognise::libraries::{Missing, closure};
use crate::recognise::recogniser::Recogniser;
use crate::root::{Identity, Kind, Root, RootError, c_name};

/// The libraries that the kept programs need.
#[derive(Default)]
pub(super) struct Libraries {
    /// With `[keep] libraries = "closure"`: the libraries that stay and the links to them, each with the reason.
    needed: Option<HashMap<Identity, Rc<LibraryReason>>>,
    pub missing: Vec<MissingLibrary>,
    pub notes: Vec<Note>,
}

impl Libraries {
    /// The libraries that the kept programs and those of `protection` need, if the profile asks for the closure.
    pub(super) fn of(scope: Scope<'_>, protection: &Protection) -> Result<Self, RootError> {
        let mut libraries = Self::default();
        let Some(rule) = scope.allow_list().filter(|_| scope.profile.closure()) else { return Ok(libraries) };
        let kept = scope.kept.files().iter().map(|path| &**path);
        let closure = closure(scope.root, &mut kept.chain(protection.programs().iter().map(Vec::as_slice)))?;
        let needed = closure.needed.into_iter().map(|(id, needed)| (id, Rc::new(LibraryReason::Needed(needed))));
        let mut needed: HashMap<Identity, Rc<LibraryReason>> = needed.collect();
        for (id, reason) in protection.loaded() {
            needed.entry(*id).or_insert_with(|| Rc::clone(reason));
        }
        libraries.needed = Some(needed);
        let mut modules = Vec::new();
        for Missing { chain, program } in closure.missing {
            if program {
                libraries.missing.push(MissingLibrary { rule, chain });
            } else {
                modules.push(chain);
            }
        }
        if !modules.is_empty() {
            libraries.notes.push(Note::NotLoadable(modules));
        }
        if !closure.loading.is_empty() {
            libraries.notes.push(Note::MayLoad(closure.loading));
        }
        Ok(libraries)
    }

    /// Whether a kept program needs the file as a library; `None` if the profile does not ask for the closure.
    pub(super) fn need(&self, id: Identity) -> Option<bool> {
        self.needed.as_ref().map(|needed| needed.contains_key(&id))
    }

    /// Marks the found files that are shared libraries or the loader and must stay, by name and by content. All names
    /// of a file share the answer: the name that shows that a file is a library may be one that only the walk through
    /// the tree finds.
    pub(super) fn mark(&self, root: &Root, removals: &mut Removals) {
        if let Some(needed) = &self.needed {
            for found in removals.iter_mut() {
                found.library = needed.get(&found.stat.id).map(Rc::clone);
            }
            return;
        }
        let mut known: HashMap<Identity, (Option<Elf>, bool)> = HashMap::new();
        let library = Rc::new(LibraryReason::Library);
        let look = |found: &Found| {
            if found.stat.size < elf::LEAST { None } else { root.classify(&found.path()).unwrap_or_default() }
        };
        // What says that it is a library and can be started may be a shell: its content tells.
        let mut recogniser = None;
        let mut is_tool = |found: &Found| -> Result<bool, RootError> {
            let recogniser = recogniser.get_or_insert_with(|| Recogniser::new(root.deadline()));
            let name = c_name(&found.name).map_err(|errno| RootError::os("openat", &found.path(), errno))?;
            let directory = root.directory(&found.parent.path())?;
            recogniser.is_tool(&directory.file(&name)?, &directory, &name, &found.stat)
        };
        let mut may_be_library = |found: &Found, content: Option<&Elf>| {
            let executable = found.stat.mode & 0o111 != 0;
            let starts = content.is_some_and(|elf| matches!(elf, Elf::Library { .. }) && elf.starts(executable));
            may_be_library(&found.name, content) && !(starts && is_tool(found).unwrap_or(false))
        };
        let programs = std::mem::take(&mut removals.programs);
        let may_be = |found: &&mut Found| found.stat.kind == Kind::File && !programs.contains(&found.stat.id);
        for found in removals.iter_mut().filter(may_be) {
            // Only files with other names are remembered, because that takes memory: most files have one name.
            if found.names != 1 {
                let (content, is_library) = known.entry(found.stat.id).or_insert_with(|| (look(found), false));
                *is_library |= may_be_library(found, content.as_ref());
            } else if may_be_library(found, look(found).as_ref()) {
                found.library = Some(Rc::clone(&library));
            }
        }
        for found in removals.iter_mut() {
            if known.get(&found.stat.id).is_some_and(|(_, is_library)| *is_library) {
                found.library = Some(Rc::clone(&library));
            }
        }
    }
}
