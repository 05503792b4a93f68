//! Rules by class: what a program is, wherever it lies and whatever it is called.

use std::collections::HashSet;

use super::{Cause, Collector, Location};
use crate::catalogue::{Class, DIRECTORIES};
use crate::escape::escape;
use crate::pattern::PathPattern;
use crate::profile::Selector;
use crate::root::RootError;
use crate::scan::{By, Extent, scan};

impl Collector<'_> {
    /// Rules by class: by content wherever it lies; by name only where programs are looked for by name, and in the
    /// catalogue's further directories, since a file of that name elsewhere is mostly something else.
    pub(super) fn classes(&mut self) -> Result<(), RootError> {
        let rules: Vec<(Class, usize)> = self
            .profile
            .remove
            .iter()
            .enumerate()
            .filter_map(
                |(index, rule)| if let Selector::Class(class) = rule.value { Some((class, index)) } else { None },
            )
            .collect();
        let Some((_, shell)) = rules.first() else { return Ok(()) };
        let wants = |class| rules.iter().find(|(known, _)| *known == class).map(|(_, rule)| *rule);
        let mut search = HashSet::new();
        for path in self.profile.search() {
            if let Ok(stat) = self.root.resolve(path.as_bytes()) {
                search.insert(stat.id);
            }
        }
        for pattern in DIRECTORIES.iter().filter_map(|text| PathPattern::parse(text).ok()) {
            self.expand(pattern.components(), &mut |collector, at, _| {
                search.extend(collector.root.resolve(&at.path()).map(|stat| stat.id));
                Ok(())
            })?;
        }
        // What goes anyway need not be read.
        let extent = Extent::Programs { mounts: &self.allowed, but: &|id| self.doomed.contains_key(&id) };
        let found = scan(self.root, extent)?;
        for error in found.unreadable {
            self.unreadable(error)?;
        }
        for program in found.programs {
            let at = place_of(&program.path);
            if program.by == By::Name && !search.contains(&program.parent.id) {
                continue;
            }
            let Some(rule) = wants(program.known.class) else {
                if program.by == By::Content && program.known.class == Class::MultiCall && wants(Class::Shell).is_some()
                {
                    self.multi_call_note(&program.path, *shell);
                }
                continue;
            };
            self.add(
                Location { directory: at.0, parent: &program.parent, name: at.1 },
                program.stat,
                rule,
                Cause::Rule,
            );
        }
        Ok(())
    }

    /// A shell that goes on as one of many programs in one must not go unsaid.
    fn multi_call_note(&mut self, path: &[u8], rule: usize) {
        let profile = self.profile.remove.get(rule).map_or("", |rule| &*rule.profile);
        self.inventory.notes.push(format!(
            "{} is a multi-call program, which may act as a shell, and stays: add \"multi-call\" to [remove] classes ({profile}) to remove it with all its links",
            escape(path),
        ));
    }
}

/// Directory and name of a canonical path.
fn place_of(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    let directory = path.get(..slash).filter(|directory| !directory.is_empty()).unwrap_or(b"/");
    (directory, path.get(slash + 1..).unwrap_or_default())
}
