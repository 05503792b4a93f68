//! What must stay although a rule asks for it, and the one `[keep]` that helps against all of that.

use std::rc::Rc;

use super::{Origin, Plan, Refusal};
use crate::harden::found::Found;
use crate::harden::protection::{For, Reason};
use crate::profile::quote;
use crate::recognise::catalogue::Class;
use crate::recognise::command_line::wrappers::class;
use crate::root::pattern;

/// What to do about a process of which nothing is known. To keep the file would be no way out: it may be a shell.
pub const UNREADABLE: &str = "give the container the capability SYS_PTRACE, so that the program can be read, or harden before the app starts: with run, or in the image";

/// What to do about a script that stays, or whatever else is never over: to keep its shell would be to keep a shell.
pub const STAYS: &str = "let the entrypoint script end with exec, or start the app itself as the container's command; if the app is a script of that program, save it with [keep] paths; if it only takes longer, raise --wait-timeout and failureThreshold";

/// What must stay although a rule asks for it, until it is known what helps against all of it.
#[derive(Default)]
pub(super) struct Refused {
    list: Vec<(Refusal, For)>,
    /// What `[keep] paths` has to name.
    keep: Vec<Vec<u8>>,
    /// The same for what a command needs only until it is up.
    passing: Vec<Vec<u8>>,
}

impl Refused {
    pub(super) fn add(&mut self, found: &Found, reason: Reason, origin: Rc<Origin>) {
        let path = found.path();
        let keep = reason.keep.unwrap_or_else(|| path.to_vec());
        let by = match reason.by {
            For::Process if is_shell(&path) => For::Script,
            For::Kept if is_shell(&path) => For::KeptScript,
            by => by,
        };
        let list = if by.passes() { &mut self.passing } else { &mut self.keep };
        if !matches!(by, For::Library | For::Lithify | For::Unreadable | For::Script | For::KeptScript)
            && !list.contains(&keep)
        {
            list.push(keep);
        }
        let (id, reason) = (Some(found.stat.id), reason.text);
        let refusal = Refusal { path, id, origin, missing_library: false, reason, hint: String::new() };
        self.list.push((refusal, by));
    }

    /// Puts them into the plan. Each says the one `[keep]` that all of its kind need. What may go when the command is up is
    /// in nobody's way as long as something else is.
    pub(super) fn finish(mut self, plan: &mut Plan) {
        let passing = For::Command { passes: true };
        if !self.list.iter().all(|(_, by)| *by == passing) {
            self.list.retain(|(_, by)| *by != passing);
        }
        let (keep, passing) = (keep_paths(self.keep), keep_paths(self.passing));
        plan.refusals.extend(self.list.into_iter().map(|(refusal, by)| {
            let hint = by.hint(if by.passes() { &passing } else { &keep });
            Refusal { hint, ..refusal }
        }));
    }
}

/// Ready for a profile.
fn keep_paths(mut paths: Vec<Vec<u8>>) -> String {
    crate::text::order::sort_by_bytes(&mut paths, Clone::clone);
    let quoted: Vec<String> = paths.iter().map(|path| pattern_for(path)).collect();
    format!("[keep] paths = [{}]", quoted.join(", "))
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

impl For {
    /// Whether it is for what only starts the app.
    fn passes(self) -> bool {
        matches!(self, Self::Command { passes: true } | Self::App { script: true })
    }

    /// What to do where a rule asks for what is protected.
    fn hint(self, keep: &str) -> String {
        match self {
            Self::Library => {
                "programs need shared libraries and the loader to start: name programs instead, or save it with [keep] paths"
                    .to_owned()
            }
            Self::Lithify => "name what it removes by paths that do not meet lithify".to_owned(),
            Self::Unreadable => UNREADABLE.to_owned(),
            Self::Process => format!(
                "in a startupProbe add --wait-for-app; or save it with {keep}, harden when nothing of the app needs it any more, or name it in [remove] force"
            ),
            Self::Script => format!("in a startupProbe add --wait-for-app; {STAYS}"),
            Self::KeptScript => {
                "keep the program itself in place of the script that starts it; or keep its shell, too, which then is an intruder's".to_owned()
            }
            Self::Kept => format!("save it with {keep}, or keep less"),
            Self::App { script: false } => format!("save it in a profile: {keep}"),
            Self::Command { passes: false } => format!(
                "save it in a profile: {keep}; or, if the command is a script that only starts the app, add --after-start"
            ),
            Self::Command { passes: true } | Self::App { script: true } => format!(
                "start the app itself in place of its script (and name that by --app), or save what the script needs in a profile: {keep}"
            ),
        }
    }
}
