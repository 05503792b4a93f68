//! Rules by class: what a program is, wherever it lies and whatever it is called.

use std::collections::HashSet;

use super::Collector;
use crate::harden::found::Cause;
use crate::harden::protection::Protection;
use crate::profile::Selector;
use crate::recognise::catalogue::{Class, DIRECTORIES, Known};
use crate::recognise::recogniser::{RecognisedBy, Recogniser};
use crate::root::pattern::PathPattern;
use crate::root::{Canonical, Entry, RootError, Stat};
use crate::text::escape::escape;
use crate::text::order::sort_by_bytes;

/// A program of the catalogue.
pub(super) struct Program {
    /// Its directory.
    pub directory: Canonical,
    /// Its name there.
    pub name: Vec<u8>,
    /// What is known of the directory.
    pub parent: Stat,
    /// And of the file.
    pub stat: Stat,
    /// How it was recognised.
    pub by: RecognisedBy,
    /// What it is.
    pub known: Known,
}

impl Program {
    fn entry(&self) -> Entry<'_> {
        Entry { directory: &self.directory, parent: &self.parent, name: &self.name, stat: self.stat }
    }
}

impl Collector<'_> {
    /// Looks at each file, for rules by class and for `[strip]`, if the profile has any; whether it has. With
    /// `noting` for pass 3, too.
    ///
    /// By content wherever a program lies; by name only where programs are looked for by name, and in the catalogue's
    /// further directories, since a file of that name elsewhere is mostly something else. A launcher that the app is
    /// started by, such as an image's init, stays.
    pub(super) fn classes(&mut self, noting: bool, protection: &Protection) -> Result<bool, RootError> {
        let rules: Vec<(Class, usize)> = self
            .profile
            .remove
            .iter()
            .enumerate()
            .filter_map(
                |(index, rule)| if let Selector::Class(class) = rule.value { Some((class, index)) } else { None },
            )
            .collect();
        if rules.is_empty() && !self.profile.strips() {
            return Ok(false);
        }
        let wants = |class| rules.iter().find(|(known, _)| *known == class).map(|(_, rule)| *rule);
        let mut search = HashSet::new();
        for path in self.profile.search() {
            if let Ok(stat) = self.root.resolve(path.as_bytes()) {
                search.insert(stat.id);
            }
        }
        for pattern in DIRECTORIES.iter().filter(|_| !rules.is_empty()).filter_map(|text| PathPattern::parse(text).ok())
        {
            self.expand(&pattern, &mut |collector, entry| {
                search.extend(collector.root.resolve(&entry.path()).map(|stat| stat.id));
                Ok(())
            })?;
        }
        let recogniser = (!rules.is_empty()).then(|| Recogniser::new(self.root.deadline()));
        let mut programs = self.survey(noting, true, recogniser)?;
        sort_by_bytes(&mut programs, |program| program.entry().path().into_bytes());
        for program in programs {
            if program.by == RecognisedBy::Name && !search.contains(&program.parent.id) {
                continue;
            }
            let entry = program.entry();
            if let Some(rule) = wants(program.known.class) {
                // A container's init runs as long as the container: a rule against all launchers does not mean it.
                let forced = || self.profile.force.iter().any(|pattern| pattern.value.matches(&entry.path()));
                if program.known.class == Class::Launcher && protection.starts_app(program.stat.id) && !forced() {
                    self.inventory
                        .notes
                        .push(format!("{} stays, because the app is started by it", escape(&entry.path())));
                    continue;
                }
                self.add(entry, rule, Cause::Rule);
            } else if program.by == RecognisedBy::Content && program.known.class == Class::MultiCall {
                if let Some(rule) = wants(Class::Shell) {
                    self.multi_call_note(&entry.path(), rule);
                }
            }
        }
        Ok(true)
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
