//! `[keep] only`: every executable that is not on the allow-list, and with `libraries = "closure"`, every shared
//! library that no program on it needs.

use std::ffi::CStr;
use std::fs::File;
use std::rc::Rc;

use nix::errno::Errno;

use super::examined::{About, Question};
use super::libraries::Libraries;
use super::selection::{Scope, Selection};
use crate::harden::found::{Cause, Found};
use crate::linux::proc::own_program;
use crate::recognise::elf::{self, Elf, may_be_library};
use crate::recognise::recogniser::Recogniser;
use crate::root::{Details, Directory, Entry, Identity, Kind, RootError, Stat};

/// Every executable except lithify itself and shared libraries. With the closure, also the shared libraries that are
/// not needed.
pub(super) struct Others {
    rule: usize,
    own: Option<Identity>,
    recogniser: Option<Recogniser>,
    found: Vec<Rc<Found>>,
}

impl Others {
    /// The executables of the profile's allow-list rule; `None` if the profile has no allow-list.
    pub(super) fn of(scope: Scope<'_>) -> Option<Self> {
        let rule = scope.allow_list()?;
        Some(Self { rule, own: own_program().ok(), recogniser: None, found: Vec::new() })
    }

    /// Looks whether a file is an executable that the rule takes.
    pub(super) fn look(
        &mut self,
        selection: &mut Selection<'_>,
        libraries: &Libraries,
        directory: &Directory,
        name: &CStr,
        details: &Details,
    ) -> Result<(), RootError> {
        let stat = details.stat;
        if stat.kind != Kind::File || stat.mount != directory.own_stat().mount || self.own == Some(stat.id) {
            return Ok(());
        }
        let executable = stat.mode & 0o111 != 0;
        let needed = libraries.need(stat.id);
        if !executable && (stat.size < elf::LEAST || needed == Some(true)) {
            return Ok(());
        }
        let (examined, about) = (selection.scope.examined, About::AllowList { needed });
        let question = Question { details, name, about };
        if selection.scope.is_answered(question) {
            return Ok(());
        }
        let file = match directory.file(name) {
            // A library needs no x bit to be loaded. Otherwise a file that nobody can read is a file that nobody can
            // start.
            Err(error) if !executable && needed.is_none() && error.errno() == Errno::EACCES => None,
            Err(_) if executable && needed.is_none() => None,
            file => Some(file?),
        };
        let content = match &file {
            Some(file) => directory.classify(name, file).or_else(|error| match needed {
                None if executable => Ok(None),
                _ => Err(error),
            })?,
            None => None,
        };
        let is_library = may_be_library(name.to_bytes(), content.as_ref());
        let goes = match (content, needed) {
            (Some(Elf::Library { .. }), Some(needed)) => !needed,
            // A program that only has the name of a library is treated like any other program.
            (Some(Elf::Program { .. }), Some(_)) if executable => true,
            (None, _) => executable && !is_library,
            (Some(Elf::Program { .. }), Some(needed)) if is_library => !needed,
            // Without an x bit, only the dynamic loader can start the file. A static program without an x bit goes only
            // if the catalogue knows it as a tool: otherwise it may be data, such as the kernel of a virtual machine.
            (Some(Elf::Program { dynamic, .. }), needed) if needed.is_some() || !is_library => {
                executable || dynamic || self.is_known(file.as_ref(), selection, directory, name, &stat)?
            }
            // What may be a library goes only if the catalogue knows it as a tool.
            (Some(elf), _) => {
                let known =
                    elf.starts(executable) && self.is_known(file.as_ref(), selection, directory, name, &stat)?;
                if known {
                    selection.removals.programs.insert(stat.id);
                }
                known
            }
        };
        if goes {
            let entry = Entry::new(directory, name, stat);
            self.found.push(selection.removals.remember(entry, self.rule, Cause::Rule));
        } else if let Some(file) = file {
            examined.add(question, &file);
        }
        Ok(())
    }

    /// Whether the file is a program of the catalogue, by its content.
    fn is_known(
        &mut self,
        file: Option<&File>,
        selection: &Selection<'_>,
        directory: &Directory,
        name: &CStr,
        stat: &Stat,
    ) -> Result<bool, RootError> {
        let Some(file) = file else { return Ok(false) };
        let recogniser = self.recogniser.get_or_insert_with(|| Recogniser::new(selection.scope.root.deadline()));
        recogniser.is_tool(file, directory, name, stat)
    }

    /// Chooses all of them, after the other rules: a rule that names a program says more than the rule for all.
    pub(super) fn choose(self, selection: &mut Selection<'_>) {
        for found in self.found {
            selection.add_found(found, false);
        }
    }
}
