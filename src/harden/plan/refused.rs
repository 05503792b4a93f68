//! What must stay although a rule asks for it, and the one `[keep]` that helps against all of that.

use std::rc::Rc;

use super::{Origin, Plan, Reason, Refusal};
use crate::harden::found::Found;
use crate::harden::protection::{self, Claim, For, Needed};
use crate::profile::quote;
use crate::recognise::catalogue::Class;
use crate::recognise::command_line::wrappers::class;
use crate::root::{Canonical, Identity, pattern};
use crate::target::candidates::Certainty;

/// What to do about a process of which nothing is known. To keep the file would be no way out: it may be a shell.
pub const UNREADABLE: &str = "give the container the capability SYS_PTRACE, so that the program can be read, or harden before the app starts: with run, or in the image";

/// What to do about a script that stays, or whatever else is never over: to keep its shell would be to keep a shell.
pub const STAYS: &str = "let the entrypoint script end with exec, or start the app itself as the container's command; if the app is a script of that program, save it with [keep] paths; if it only takes longer, raise --wait-timeout and failureThreshold";

/// What must stay although a rule asks for it, until it is known what helps against all of it.
#[derive(Default)]
pub(super) struct Refused {
    list: Vec<Protected>,
    /// What `[keep] paths` has to name.
    keep: Vec<Vec<u8>>,
    /// The same for what something needs only to start.
    starting: Vec<Vec<u8>>,
}

struct Protected {
    path: Canonical,
    id: Identity,
    origin: Rc<Origin>,
    claim: Rc<Claim>,
    keepable: bool,
}

impl Refused {
    pub(super) fn add(&mut self, found: &Found, reason: protection::Reason, origin: Rc<Origin>) {
        let (path, claim) = (found.path(), reason.claim);
        let keepable = claim.is_answered_by_keep(&path);
        let keep = reason.keep.unwrap_or_else(|| path.to_vec());
        let list = if claim.is_for_start() { &mut self.starting } else { &mut self.keep };
        if keepable && !list.contains(&keep) {
            list.push(keep);
        }
        self.list.push(Protected { path, id: found.stat.id, origin, claim, keepable });
    }

    /// Puts them into the plan. Each says the one `[keep]` that all of its kind need. What may go when the command is up is
    /// in nobody's way as long as something else is.
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
            Refusal {
                path: refused.path,
                id: Some(refused.id),
                origin: refused.origin,
                reason: Reason::Protected(refused.claim),
                keep: refused.keepable.then(|| Rc::clone(keep)),
            }
        }));
    }
}

impl Claim {
    /// Whether the command that is to be run needs the file only until it is up.
    fn passes(&self) -> bool {
        matches!(self, Self::Needed(Needed { by: For::Command { passes: true }, .. }))
    }

    /// Whether the file only starts the app.
    fn is_for_start(&self) -> bool {
        self.passes() || matches!(self, Self::Needed(Needed { by: For::App { script: true, .. }, .. }))
    }

    /// Whether `[keep] paths` is a way out. To keep a shell would be to keep it for an intruder.
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

/// The entry of `[keep] paths` for a file, quoted. What is no UTF-8 cannot be written: any byte may stand there.
pub fn pattern_for(path: &[u8]) -> String {
    let pattern = pattern::literal(path);
    let text = pattern
        .utf8_chunks()
        .fold(String::new(), |text, chunk| text + chunk.valid() + &"?".repeat(chunk.invalid().len()));
    quote(&text)
}

/// Whether a program may be what a script runs in, by its name.
pub fn is_shell(path: &[u8]) -> bool {
    matches!(class(&String::from_utf8_lossy(path)), Some(Class::Shell | Class::MultiCall))
}
