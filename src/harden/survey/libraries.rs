//! Shared libraries: which of what was found must stay, and with `[keep] libraries = "closure"` which all others are.

use std::collections::HashMap;
use std::rc::Rc;

use super::MissingLibrary;
use super::removals::Removals;
use super::selection::Scope;
use crate::harden::found::Found;
use crate::harden::protection::Protection;
use crate::recognise::elf::{self, Elf, may_be_library};
use crate::recognise::libraries::closure;
use crate::root::{Identity, Kind, Root, RootError};
use crate::text::escape::escape;

/// How many paths a note names.
const NAMED: usize = 8;

/// The libraries that the kept programs need.
#[derive(Default)]
pub(super) struct Libraries {
    /// With `[keep] libraries = "closure"`: the libraries that stay, and the links on the way, each with the reason.
    needed: Option<HashMap<Identity, Rc<String>>>,
    pub missing: Vec<MissingLibrary>,
    pub notes: Vec<String>,
}

impl Libraries {
    /// Those of the kept programs and of what `protection` names, if the profile asks for that.
    pub(super) fn of(scope: Scope<'_>, protection: &Protection) -> Result<Self, RootError> {
        let mut libraries = Self::default();
        let Some(rule) = scope.allow_list().filter(|_| scope.profile.closure()) else { return Ok(libraries) };
        let kept = scope.kept.files().iter().map(|path| &**path);
        let closure = closure(scope.root, &mut kept.chain(protection.programs().iter().map(Vec::as_slice)))?;
        let mut needed: HashMap<Identity, Rc<String>> =
            closure.needed.into_iter().map(|(id, reason)| (id, Rc::new(reason))).collect();
        for (id, reason) in protection.loaded() {
            needed.entry(*id).or_insert_with(|| Rc::new(reason.clone()));
        }
        libraries.needed = Some(needed);
        let (programs, modules): (Vec<_>, Vec<_>) = closure.missing.into_iter().partition(|missing| missing.program);
        libraries.missing.extend(programs.into_iter().map(|missing| MissingLibrary {
            path: missing.path,
            rule,
            reason: missing.reason,
        }));
        if !modules.is_empty() {
            let reasons = named(modules.iter().map(|missing| missing.reason.clone()));
            libraries.notes.push(format!("cannot be loaded, as before, for want of a library: {reasons}"));
        }
        if !closure.loading.is_empty() {
            let paths = named(closure.loading.iter().map(|path| escape(path)));
            libraries.notes.push(format!(
                "{paths} may load libraries at run time (dlopen) that are written nowhere, such as modules, engines and character sets: list what the app uses in [keep] paths"
            ));
        }
        Ok(libraries)
    }

    /// Whether a kept program needs the file as a library; `None` where nobody asks.
    pub(super) fn need(&self, id: Identity) -> Option<bool> {
        self.needed.as_ref().map(|needed| needed.contains_key(&id))
    }

    /// Marks what are shared libraries or the loader and must stay, by name and by content; all names of a file share the
    /// answer: the name that gives a library away may be one that only the walk through the tree finds.
    pub(super) fn mark(&self, root: &Root, removals: &mut Removals) {
        if let Some(needed) = &self.needed {
            for found in removals.iter_mut() {
                found.library = needed.get(&found.stat.id).map(Rc::clone);
            }
            return;
        }
        let mut known: HashMap<Identity, (Option<Elf>, bool)> = HashMap::new();
        let library = Rc::new("it is a shared library or the dynamic loader".to_owned());
        let look = |found: &Found| {
            if found.stat.size < elf::LEAST { None } else { root.classify(&found.path()).unwrap_or_default() }
        };
        for found in removals.iter_mut().filter(|found| found.stat.kind == Kind::File) {
            // What is remembered for other names of the file takes memory: most have none.
            if found.names != 1 {
                let (content, is_library) = known.entry(found.stat.id).or_insert_with(|| (look(found), false));
                *is_library |= may_be_library(&found.name, content.as_ref());
            } else if may_be_library(&found.name, look(found).as_ref()) {
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

/// The first few of a list.
fn named(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(NAMED);
    let text = items.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}
