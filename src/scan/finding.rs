//! Weaknesses, and programs and weaknesses as one list: what is reported, accepted and compared.

use super::{Scan, Sighting};
use crate::recognise::catalogue::Class;
use crate::root::Canonical;

/// Something other than a program that helps an intruder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// What it is: one of [`WEAKNESSES`].
    pub class: &'static str,
    /// Canonical path.
    pub path: Vec<u8>,
    /// The user's name, escaped, where it is about one in this file.
    pub account: Option<String>,
    /// More about it.
    pub detail: String,
}

/// Something that could not be told of one class: a finding to who asks for that class, else a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// One of [`WEAKNESSES`].
    pub class: &'static str,
    /// What, and why.
    pub reason: String,
    /// It matters to who asks for this class by its name, but not to who asks for all.
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
    /// What it is.
    pub what: What<'a>,
    /// Why it is accepted, where a baseline says so.
    pub accepted: Option<&'a str>,
    /// Whether one of its names was not there before; so is everything, where there is no earlier scan.
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

    /// The user's name, escaped, where it is about one in this file.
    pub fn account(&self) -> Option<&'a str> {
        match self.what {
            What::Program(_) => None,
            What::Weakness(weakness) => weakness.account.as_deref(),
        }
    }
}

impl Scan {
    /// Everything that was found, programs first; none of it accepted yet.
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
