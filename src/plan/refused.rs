//! What must stay although a rule asks for it, and the one `[keep]` that helps against all of that.

use std::rc::Rc;

use super::{Origin, Plan, Refusal};
use crate::inventory::Found;
use crate::profile::quote;
use crate::protection::{For, Reason};

/// What to do about a process of which nothing is known. To keep the file would be no way out: it may be a shell.
pub const UNREADABLE: &str = "give the container the capability SYS_PTRACE, so that the program can be read, or harden before the app starts: with run, or in the image";

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
        let keep = reason.keep.unwrap_or_else(|| path.clone());
        let list = if reason.by == (For::Command { passes: true }) { &mut self.passing } else { &mut self.keep };
        if !matches!(reason.by, For::Library | For::Lithify | For::Unreadable) && !list.contains(&keep) {
            list.push(keep);
        }
        let (id, reason, by) = (Some(found.stat.id), reason.text, reason.by);
        let refusal = Refusal { path, id, origin, missing_library: false, reason, hint: String::new() };
        self.list.push((refusal, by));
    }

    /// Puts them into the plan. Each says the one `[keep]` that all of them need. What may go when the command is up is in
    /// nobody's way as long as something else is.
    pub(super) fn finish(mut self, plan: &mut Plan) {
        let passing = For::Command { passes: true };
        let only_passing = self.list.iter().all(|(_, by)| *by == passing);
        let mut keep = if only_passing { self.passing } else { self.keep };
        crate::order::sort_by_bytes(&mut keep, Clone::clone);
        let keep = keep_paths(&keep);
        self.list.retain(|(_, by)| only_passing || *by != passing);
        plan.refusals.extend(self.list.into_iter().map(|(refusal, by)| Refusal { hint: by.hint(&keep), ..refusal }));
    }
}

/// Ready for a profile.
fn keep_paths(paths: &[Vec<u8>]) -> String {
    let quoted: Vec<String> = paths.iter().map(|path| quote(&String::from_utf8_lossy(path))).collect();
    format!("[keep] paths = [{}]", quoted.join(", "))
}

impl For {
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
