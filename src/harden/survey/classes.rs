//! Rules by class: they take a program for what it is, at any place and under any name.

use std::collections::HashSet;
use std::ffi::CStr;
use std::rc::Rc;

use nix::errno::Errno;

use super::Note;
use super::examined::{About, Question};
use super::selection::{Scope, Selection};
use crate::harden::found::Cause;
use crate::harden::protection::Protection;
use crate::profile::Selector;
use crate::recognise::catalogue::{Class, DIRECTORIES, Known};
use crate::recognise::recogniser::{Recognised, RecognisedBy, Recogniser};
use crate::root::pattern::PathPattern;
use crate::root::{Canonical, Details, Directory, Entry, Identity, Kind, RootError, Stat};
use crate::text::order::sort_by_bytes;

/// The rules by class, and the programs that were recognised for them.
pub(super) struct Classes {
    rules: Vec<(Class, usize)>,
    /// The directories in which a name alone identifies a program.
    by_name: HashSet<Identity>,
    recogniser: Recogniser,
    /// The programs, each by one of its names.
    programs: Vec<Program>,
    known: HashSet<Identity>,
}

/// A program of the catalogue.
struct Program {
    directory: Canonical,
    name: Vec<u8>,
    parent: Stat,
    stat: Stat,
    by: RecognisedBy,
    known: Known,
}

impl Program {
    fn entry(&self) -> Entry<'_> {
        Entry { directory: &self.directory, parent: &self.parent, name: &self.name, stat: self.stat }
    }
}

impl Classes {
    /// The rules by class; `None` if the profile has none.
    ///
    /// Content identifies a program anywhere. A name identifies it only in directories that are searched for names, and
    /// in further directories of the catalogue: elsewhere, a file of that name is mostly something else.
    pub(super) fn of(selection: &mut Selection<'_>) -> Result<Option<Self>, RootError> {
        let Scope { root, profile, .. } = selection.scope;
        let class = |(index, rule): (usize, &crate::profile::Rule)| {
            if let Selector::Class(class) = rule.value { Some((class, index)) } else { None }
        };
        let rules: Vec<(Class, usize)> = profile.remove.iter().enumerate().filter_map(class).collect();
        if rules.is_empty() {
            return Ok(None);
        }
        let mut by_name = HashSet::new();
        for path in profile.search() {
            by_name.extend(root.resolve(path.as_bytes()).map(|stat| stat.id));
        }
        for pattern in DIRECTORIES.iter().filter_map(|text| PathPattern::parse(text).ok()) {
            selection.expand(&pattern, &mut |_, entry| {
                by_name.extend(root.resolve(&entry.path()).map(|stat| stat.id));
                Ok(())
            })?;
        }
        let recogniser = Recogniser::new(root.deadline());
        Ok(Some(Self { rules, by_name, recogniser, programs: Vec::new(), known: HashSet::new() }))
    }

    /// Looks whether a file is a program of the catalogue.
    pub(super) fn look(
        &mut self,
        selection: &Selection<'_>,
        directory: &Directory,
        name: &CStr,
        details: &Details,
    ) -> Result<(), RootError> {
        let stat = details.stat;
        // A file that goes anyway need not be read.
        if stat.kind != Kind::File
            || selection.removals.doomed_file(stat.id).is_some()
            || stat.nlink > 1 && self.known.contains(&stat.id)
        {
            return Ok(());
        }
        let (examined, question) = (selection.scope.examined, Question { details, name, about: About::Class });
        if selection.scope.is_answered(question) {
            return Ok(());
        }
        let Some((file, starts)) = directory.program(name, &stat)? else { return Ok(()) };
        if !starts {
            examined.add(question, &file);
            return Ok(());
        }
        let (found, remarks) = match self.recogniser.recognise(&file, directory, name, &stat) {
            Ok((Recognised::Nothing, _)) => {
                examined.add(question, &file);
                return Ok(());
            }
            Ok(found) => found,
            // A kept file stays, whatever it is.
            Err(error)
                if error.errno() == Errno::EFBIG
                    && selection.scope.kept.reason(&directory.join(name), &stat).is_some() =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if let Recognised::Program { by, known, .. } = found {
            // Else each of its names may mean another program, or mean something only where it is.
            if remarks.by_content_alone {
                self.known.insert(stat.id);
            }
            let (path, parent) = (directory.path().clone(), *directory.own_stat());
            self.programs.push(Program { directory: path, name: name.to_bytes().to_vec(), parent, stat, by, known });
        }
        Ok(())
    }

    /// Chooses programs that a rule takes. A launcher that starts the app, such as the init of an image, stays.
    pub(super) fn choose(mut self, selection: &mut Selection<'_>, protection: &Protection, notes: &mut Vec<Note>) {
        let profile = selection.scope.profile;
        let wants = |class| self.rules.iter().find(|(known, _)| *known == class).map(|(_, rule)| *rule);
        sort_by_bytes(&mut self.programs, |program| program.entry().path().into_bytes());
        for program in &self.programs {
            if program.by == RecognisedBy::Name && !self.by_name.contains(&program.parent.id) {
                continue;
            }
            let entry = program.entry();
            if let Some(rule) = wants(program.known.class) {
                if program.by == RecognisedBy::Content {
                    selection.removals.programs.insert(program.stat.id);
                }
                // The init of a container runs as long as the container: a rule for all launchers is not meant for it.
                let forced = || profile.force.iter().any(|pattern| pattern.value.matches(&entry.path()));
                if program.known.class == Class::Launcher && protection.starts_app(program.stat.id) && !forced() {
                    notes.push(Note::StartsApp(entry.path()));
                    continue;
                }
                selection.add(entry, rule, Cause::Rule);
            } else if program.by == RecognisedBy::Content && program.known.class == Class::MultiCall {
                // A shell that remains as a part of a multi-call program must be reported.
                if let Some(rule) = wants(Class::Shell) {
                    let profile = profile.remove.get(rule).map(|rule| Rc::clone(&rule.profile)).unwrap_or_default();
                    notes.push(Note::MultiCall { path: entry.path(), profile });
                }
            }
        }
    }
}
