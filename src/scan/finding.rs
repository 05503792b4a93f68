//! Weaknesses, and one list of programs and weaknesses that is reported, accepted and compared.

use super::{Scan, Sighting};
use crate::recognise::catalogue::Class;
use crate::root::Canonical;

/// Something other than a program that helps an intruder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// One of [`WEAKNESSES`].
    pub class: &'static str,
    /// Canonical path inside the root.
    pub path: Vec<u8>,
    /// The user's name, escaped, if it is about a user in this file.
    pub account: Option<String>,
    /// Details, for people.
    pub detail: String,
}

/// Something about one class that could not be found out. It is a finding if `--fail-on` asks for that class, else a
/// note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// One of [`WEAKNESSES`].
    pub class: &'static str,
    /// What could not be found out, and why.
    pub reason: String,
    /// It is a finding only if `--fail-on` names this class. `all` is not enough.
    pub only_if_named: bool,
}

/// The classes of [`Weakness`].
pub const WEAKNESSES: [&str; 10] = [
    "setuid",
    "setgid",
    "file-capabilities",
    "world-writable",
    "app-writable",
    "orphaned-script",
    "packed",
    "login-shell",
    "empty-password",
    "uid-0",
];

/// One thing that was found.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// The program or the weakness.
    pub what: What<'a>,
    /// Why it is accepted; `None` if no baseline accepts it.
    pub accepted: Option<&'a str>,
    /// Whether one of its names was not there before. Always true if there is no earlier scan.
    pub is_new: bool,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A program.
    Program(&'a Sighting),
    /// Something else.
    Weakness(&'a Weakness),
}

impl<'a> Finding<'a> {
    /// Whether `--fail-on` counts it.
    pub fn counts(&self) -> bool {
        self.accepted.is_none() && self.is_new
    }

    /// Name of its class.
    pub fn class(&self) -> &'static str {
        match self.what {
            What::Program(program) => program.known.class.name(),
            What::Weakness(weakness) => weakness.class,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &'a [u8] {
        match self.what {
            What::Program(program) => &program.path,
            What::Weakness(weakness) => &weakness.path,
        }
    }

    /// Its path, then all its other names.
    pub fn paths(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let names: &[Canonical] = match self.what {
            What::Program(program) => &program.names,
            What::Weakness(_) => &[],
        };
        std::iter::once(self.path()).chain(names.iter().map(|name| &**name))
    }

    /// The user's name, escaped, if it is about a user in this file.
    pub fn account(&self) -> Option<&'a str> {
        match self.what {
            What::Program(_) => None,
            What::Weakness(weakness) => weakness.account.as_deref(),
        }
    }
}

impl Scan {
    /// Returns everything that was found, programs first. Nothing is accepted yet.
    pub fn findings(&self) -> Vec<Finding<'_>> {
        let programs = self.programs.iter().map(What::Program);
        let all = programs.chain(self.weaknesses.iter().map(What::Weakness));
        all.map(|what| Finding { what, accepted: None, is_new: true }).collect()
    }
}

/// The names of all classes, in order of weight.
#[inline(never)]
pub fn classes() -> Vec<&'static str> {
    let mut classes = Vec::new();
    classes.extend_from_slice(&Class::ALL.map(Class::name));
    classes.extend_from_slice(&WEAKNESSES);
    classes
}
