//! What rules name: programs by name, and paths. A directory goes with its content.

use std::rc::Rc;

use super::selection::{Scope, Selection};
use crate::harden::found::Cause;
use crate::harden::kept::programs;
use crate::profile::{Selector, names_in};
use crate::root::{Entry, Kind, RootError};

/// What the rules by name and by path choose.
pub(super) struct Named<'a> {
    pub selection: Selection<'a>,
}

impl<'a> Named<'a> {
    pub(super) fn by_rules(scope: Scope<'a>) -> Result<Self, RootError> {
        let mut named = Self { selection: Selection::new(scope) };
        named.names()?;
        named.paths()?;
        Ok(named)
    }

    fn names(&mut self) -> Result<(), RootError> {
        let Scope { root, profile, .. } = self.selection.scope;
        let names = names_in(&profile.remove);
        programs(root, &profile.search(), &names, &mut |program| {
            match program {
                Ok((program, rule)) => drop(self.selection.add(program, rule, Cause::Rule)),
                Err(error) => self.selection.unreadable.note(error)?,
            }
            Ok(())
        })
    }

    fn paths(&mut self) -> Result<(), RootError> {
        for (index, rule) in self.selection.scope.profile.remove.iter().enumerate() {
            if let Selector::Path(pattern) = &rule.value {
                self.selection.expand(pattern, &mut |selection, entry| {
                    if entry.stat.kind == Kind::Directory {
                        add_with_content(selection, entry, index)
                    } else {
                        selection.add(entry, index, Cause::Rule);
                        Ok(())
                    }
                })?;
            }
        }
        Ok(())
    }
}

/// Adds a directory that a rule names, with everything in it. Targets of links in it are not added.
fn add_with_content(selection: &mut Selection<'_>, entry: Entry<'_>, rule: usize) -> Result<(), RootError> {
    let top = entry.path();
    // A known directory was added with its content.
    let known = selection.removals.doomed_path(&top).is_some();
    if top == b"/" || !selection.add(entry, rule, Cause::Rule) || known {
        return Ok(());
    }
    selection.cuts = true;
    let of = Rc::new(top);
    selection.scope.root.everything_below(&of, &mut |entry| match entry {
        Ok(entry) => Ok(selection.add(entry, rule, Cause::Content { of: Rc::clone(&of) })),
        Err(error) => selection.unreadable.note(error).map(|()| true),
    })
}
