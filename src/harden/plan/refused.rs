//! Files that must stay although a rule asks for them, and the one `[keep]` that helps in all these cases.

use std::rc::Rc;

use super::{Origin, Plan, Reason, Refusal};
use crate::harden::found::Found;
use crate::harden::protection::{self, Claim, For, Needed};
use crate::profile::quote;
use crate::recognise::catalogue::Class;
use crate::recognise::command_line::wrappers::class;
use crate::root::{Canonical, Identity, pattern};
use crate::target::candidates::Certainty;

/// What to do about a process whose program cannot be read. Keeping the file does not help: it may be a shell.
pub const UNREADABLE: &str = "give the container the capability SYS_PTRACE, so that the program can be read, or harden before the app starts: with run, or in the image";

/// What to do about a script, or another program of the start, that does not end. Keeping its shell would leave a shell
/// in the container.
pub const STAYS: &str = "let the entrypoint script end with exec, or start the app itself as the container's command; if the app is a script of that program, save it with [keep] paths; if it only takes longer, raise --wait-timeout and failureThreshold";

/// Files that must stay although a rule asks for them. They are collected until all of them are known, because the
/// advice names all of them.
#[derive(Default)]
pub(super) struct Refused {
    list: Vec<Protected>,
    /// The paths that `[keep] paths` has to name.
    keep: Vec<Vec<u8>>,
    /// The same for files that are needed only to start something.
    starting: Vec<Vec<u8>>,
}

struct Protected {
    path: Canonical,
    id: Identity,
    origin: Rc<Origin>,
    claim: Rc<Claim>,
    keepable: bool,
    /// The path that `[keep] paths` has to name.
    keep: Vec<u8>,
}

impl Refused {
    pub(super) fn add(&mut self, found: &Found, reason: protection::Reason, origin: Rc<Origin>) {
        let (path, claim) = (found.path(), reason.claim);
        let keepable = claim.is_answered_by_keep(&path);
        let keep = reason.keep.unwrap_or_else(|| path.to_vec());
        let list = if claim.is_for_start() { &mut self.starting } else { &mut self.keep };
        if keepable && !list.contains(&keep) {
            list.push(keep.clone());
        }
        self.list.push(Protected { path, id: found.stat.id, origin, claim, keepable, keep });
    }

    /// Puts the refusals into the plan. Each names the one `[keep]` that covers all refusals of its kind. A file that
    /// may go once the command is up is refused only if nothing else is.
    pub(super) fn finish(mut self, plan: &mut Plan) {
        if !self.list.iter().all(|refused| refused.claim.passes()) {
            self.list.retain(|refused| !refused.claim.passes());
        }
        let sorted = |mut paths: Vec<Vec<u8>>| {
            crate::text::order::sort_by_bytes(&mut paths, Clone::clone);
            Rc::new(paths)
        };
        let (keep, starting) = (sorted(self.keep), sorted(self.starting));
        plan.refusals.extend(self.list.into_iter().map(|refused| {
            let keep = if refused.claim.is_for_start() { &starting } else { &keep };
            // What may be the program of a process stays for a reason that `[keep]` does not answer.
            let uncertain = matches!(&*refused.claim, Claim::Runs(_, Certainty::Possible));
            Refusal {
                path: refused.path,
                id: Some(refused.id),
                origin: refused.origin,
                reason: Reason::Protected(refused.claim),
                keep: refused.keepable.then(|| Rc::clone(keep)),
                saved_by: if uncertain { Vec::new() } else { vec![refused.keep] },
            }
        }));
    }
}

impl Claim {
    /// Whether the command that is to be run needs the file only until it is up.
    fn passes(&self) -> bool {
        matches!(self, Self::Needed(Needed { by: For::Command { passes: true }, .. }))
    }

    /// Whether the file is needed only to start the app.
    fn is_for_start(&self) -> bool {
        self.passes() || matches!(self, Self::Needed(Needed { by: For::App { script: true, .. }, .. }))
    }

    /// Whether `[keep] paths` helps. A shell is not kept: an intruder could use it.
    fn is_answered_by_keep(&self, path: &[u8]) -> bool {
        match self {
            Self::Lithify | Self::Library(_) | Self::Runs(_, Certainty::Possible) => false,
            Self::Runs(..)
            | Self::LeadsToProgram(_)
            | Self::Needed(Needed { by: For::Process(_) | For::Kept(_), .. }) => !is_shell(path),
            Self::Needed(Needed { by: For::Command { .. } | For::App { .. }, .. }) => true,
        }
    }
}

/// The entry of `[keep] paths` for a file, quoted.
pub fn pattern_for(path: &[u8]) -> String {
    quote(&pattern_text(path))
}

/// The entry of `[keep] paths` for a file. A byte that is not UTF-8 cannot be written, so `?`, which matches any byte,
/// stands in its place.
pub fn pattern_text(path: &[u8]) -> String {
    let pattern = pattern::literal(path);
    pattern.utf8_chunks().fold(String::new(), |text, chunk| text + chunk.valid() + &"?".repeat(chunk.invalid().len()))
}

/// Whether a program may run scripts, judged by its name.
pub fn is_shell(path: &[u8]) -> bool {
    matches!(class(&String::from_utf8_lossy(path)), Some(Class::Shell | Class::MultiCall))
}
