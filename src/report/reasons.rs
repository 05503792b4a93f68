//! Puts into words why something goes, stays or was refused.

use std::fmt::Write;

use super::survey::{self, who};
use crate::harden::found::Cause;
use crate::harden::plan::{Action, Note, Reason};
use crate::harden::protection::{AppProcess, Claim, For, Needed};
use crate::target::candidates::Certainty;
use crate::text::escape::escape;

/// How a rule led to a step; `None` if the rule names the file itself.
pub(super) fn cause(action: &Action) -> Option<String> {
    let (how, of) = match &action.cause {
        Cause::Rule | Cause::Strip => return None,
        Cause::Content { of } => ("content of ", of),
        Cause::Target { of, .. } => ("target of ", of),
        Cause::HardLink { of } => ("the same file as ", of),
        Cause::LinkTo { of } => ("link to ", of),
        Cause::LoginShells { of } => return Some(format!("of {}", survey::accounts(of))),
    };
    Some(format!("{how}{}", escape(of)))
}

/// Why something stays, or must stay.
pub(super) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Kept(reason) => format!("kept by [keep] {}", survey::kept(reason)),
        Reason::MountPoint => "it is a mount point, which is never unlinked".to_owned(),
        Reason::OtherMount => "it is on another mount".to_owned(),
        Reason::OtherNames { expected, found } => other_names(*expected, *found),
        Reason::Protected(claim) => self::claim(claim),
        Reason::MissingLibrary(chain) => survey::chain(chain),
    }
}

fn other_names(expected: u32, found: u32) -> String {
    format!("the file has {expected} names and {found} found under the root: it lives on under the others")
}

/// What needs a file.
fn claim(claim: &Claim) -> String {
    match claim {
        Claim::Lithify => "it is lithify itself".to_owned(),
        Claim::Library(reason) => survey::library(reason),
        Claim::Runs(process, certainty) => {
            let runs = match certainty {
                Certainty::Known => "runs it",
                Certainty::Named => {
                    "seems to run it: its program cannot be read (CAP_SYS_PTRACE), and what can be seen of it fits"
                }
                Certainty::Possible => {
                    "may run it: its program cannot be read (CAP_SYS_PTRACE), no program has its name, and the size of its code fits"
                }
            };
            format!("{}, {runs}", of_app(process))
        }
        Claim::LeadsToProgram(process) => format!(
            "{}, runs what it leads to, and its command line does not say by which name it was started",
            of_app(process)
        ),
        Claim::Needed(needed) => self::needed(needed),
    }
}

/// The chain of needs, beginning with what is started.
fn needed(Needed { by, chain, link }: &Needed) -> String {
    let is_command = chain.len() == 1;
    let mut text = if is_command && !link { "it is ".to_owned() } else { String::new() };
    let _ = match by {
        For::Kept(reason) => write!(text, "[keep] {}:", survey::kept(reason)),
        For::Command { .. } => write!(text, "the command to be run,"),
        For::App { said, .. } => write!(text, "the app ({said}),"),
        For::Process(process) => write!(text, "the command line of {},", of_app(process)),
    };
    // The path of a command stands between commas, as another name of what was named before it.
    let apart = if matches!(by, For::Command { .. } | For::App { .. }) { "," } else { "" };
    for (position, (path, role)) in chain.iter().enumerate() {
        let path = escape(path);
        let which = if position > 1 { ", which" } else { apart };
        let _ = match role {
            None => write!(text, " {path}"),
            Some(role) => write!(text, "{which} needs {path} as {}", role.text()),
        };
    }
    if *link {
        text += if is_command { apart } else { ", and that path" };
        text += " leads through it";
    }
    text
}

fn of_app(AppProcess { process, first }: &AppProcess) -> String {
    let role = if *first { "the container's first" } else { "a descendant of the container's first" };
    format!("{}, {role}", who(process))
}

/// Puts a remark on a plan into words.
pub(super) fn note(note: &Note) -> String {
    match note {
        Note::Forced { path, claim } => {
            format!("{} goes by [remove] force, although {}", escape(path), self::claim(claim))
        }
        Note::RunByOther { path, process } => {
            format!("{} is being run by {}, which is not part of the app", escape(path), who(process))
        }
        Note::OtherNames { path, expected, found } => format!(
            "{}: {}; on overlayfs the count includes names that lower layers hide",
            escape(path),
            other_names(*expected, *found)
        ),
        Note::UnknownApp(unknown) => {
            let protects = if unknown.only_shells { "; --app protects it" } else { "" };
            format!("{unknown}{protects}")
        }
        Note::Survey(note) => survey::note(note),
    }
}
