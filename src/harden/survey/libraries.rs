//! Shared libraries: which of what was found must stay, and with `[keep] libraries = "closure"` which all others are.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Collector, MissingLibrary};
use crate::harden::found::Found;
use crate::harden::protection::Protection;
use crate::profile::Selector;
use crate::recognise::elf::{self, Elf, may_be_library};
use crate::recognise::libraries::closure;
use crate::root::{Canonical, Identity, Kind, RootError};
use crate::text::escape::escape;

/// How many paths a note names.
const NAMED: usize = 8;

impl Collector<'_> {
    /// The rule of the allow-list, if there is one.
    pub(super) fn others_rule(&self) -> Option<usize> {
        self.profile.remove.iter().position(|rule| rule.value == Selector::Others)
    }

    /// Computes which libraries the kept programs need; must come after `[keep]` and before any rule.
    pub(super) fn closure(&mut self, protection: &Protection) -> Result<(), RootError> {
        let Some(rule) = self.others_rule().filter(|_| self.profile.closure()) else { return Ok(()) };
        let mut files: Vec<Vec<u8>> = self.kept.take_found().into_iter().map(Canonical::into_bytes).collect();
        files.extend_from_slice(protection.programs());
        let closure = closure(self.root, &files)?;
        let mut needed: HashMap<Identity, Rc<String>> =
            closure.needed.into_iter().map(|(id, reason)| (id, Rc::new(reason))).collect();
        for (id, reason) in protection.loaded() {
            needed.entry(*id).or_insert_with(|| Rc::new(reason.clone()));
        }
        self.needed = Some(needed);
        let (programs, modules): (Vec<_>, Vec<_>) = closure.missing.into_iter().partition(|missing| missing.program);
        self.inventory.missing_libraries.extend(programs.into_iter().map(|missing| MissingLibrary {
            path: missing.path,
            rule,
            reason: missing.reason,
        }));
        if !modules.is_empty() {
            let reasons = named(modules.iter().map(|missing| missing.reason.clone()));
            self.inventory.notes.push(format!("cannot be loaded, as before, for want of a library: {reasons}"));
        }
        if !closure.loading.is_empty() {
            let paths = named(closure.loading.iter().map(|path| escape(path)));
            self.inventory.notes.push(format!(
                "{paths} may load libraries at run time (dlopen) that are written nowhere, such as modules, engines and character sets: list what the app uses in [keep] paths"
            ));
        }
        Ok(())
    }

    /// Which of the files found are shared libraries or the loader and must stay, by name and by content; all names of a
    /// file share the answer. Must come last: the name that gives a library away may be one that only the walk through
    /// the tree finds.
    pub(super) fn libraries(&mut self) {
        let mut known: HashMap<Identity, (Option<Elf>, bool)> = HashMap::new();
        let library = Rc::new("it is a shared library or the dynamic loader".to_owned());
        let root = self.root;
        let look = |found: &Found| {
            if found.stat.size < elf::LEAST { None } else { root.classify(&found.path()).unwrap_or_default() }
        };
        if self.needed.is_none() {
            for found in self.inventory.found.iter_mut().filter(|found| found.stat.kind == Kind::File) {
                // What is remembered for other names of the file takes memory: most have none.
                if found.names != 1 {
                    let (content, is_library) = known.entry(found.stat.id).or_insert_with(|| (look(found), false));
                    *is_library |= may_be_library(&found.name, content.as_ref());
                } else if may_be_library(&found.name, look(found).as_ref()) {
                    stays(found, &library);
                }
            }
        }
        for found in &mut self.inventory.found {
            let needed = self.needed.as_ref().and_then(|needed| needed.get(&found.stat.id));
            let other = || known.get(&found.stat.id).filter(|(_, is_library)| *is_library).map(|_| &library);
            if let Some(reason) = needed.or_else(other) {
                stays(found, reason);
            }
        }
    }
}

fn stays(found: &mut Rc<Found>, reason: &Rc<String>) {
    if let Some(found) = Rc::get_mut(found) {
        found.library = Some(Rc::clone(reason));
    }
}

/// The first few of a list.
fn named(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(NAMED);
    let text = items.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}
