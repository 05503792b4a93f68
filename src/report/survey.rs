//! Puts into words what the survey found.

use std::fmt::Write;

use crate::harden::found::LibraryReason;
use crate::harden::kept::KeepReason;
use crate::harden::survey::{MAX_PASSWD, Note};
use crate::linux::proc::processes::Process;
use crate::recognise::libraries::{Chain, Load};
use crate::text::escape::{escape, escape_cut};
use crate::text::list::quoted;

/// How many paths a note names.
const NAMED: usize = 8;

/// Names the entry of `[keep]` that saves something, and what needs it.
pub(super) fn kept(KeepReason { entry, needs }: &KeepReason) -> String {
    let mut text = format!("{} ({})", entry.value, entry.profile);
    for (program, role) in needs {
        let _ = write!(text, ": {} needs it as {}", escape(program), role.text());
    }
    text
}

/// Why a shared library must stay.
pub(super) fn library(reason: &LibraryReason) -> String {
    match reason {
        LibraryReason::Library => "it is a shared library or the dynamic loader".to_owned(),
        LibraryReason::Needed(needed) => format!("{}, found at {}", chain(&needed.chain), escape(&needed.found)),
        LibraryReason::Loaded(process) => format!("{} of the app has loaded it", who(process)),
    }
}

/// Names what needs what.
pub(super) fn chain(Chain { start, loads }: &Chain) -> String {
    let mut text = escape(start);
    for (position, Load { name, optional }) in loads.iter().enumerate() {
        text += if position > 0 { ", which " } else { " " };
        text += if *optional { "may load " } else { "needs " };
        text += &escape(name);
    }
    text
}

/// Names a process.
pub(super) fn who(process: &Process) -> String {
    format!("process {} ({})", process.pid, escape(&process.comm))
}

/// Names the first few accounts of passwd(5).
pub(super) fn accounts(names: &[Vec<u8>]) -> String {
    some(names.iter().map(|name| escape_cut(name)))
}

/// Puts a remark into words.
pub(super) fn note(note: &Note) -> String {
    match note {
        Note::Dangles { link, target } => {
            format!("{link} is a link on another mount and will dangle: it leads to {target}")
        }
        Note::StartsApp(path) => format!("{path} stays, because it starts the app"),
        Note::MultiCall { path, profile } => format!(
            "{path} is a multi-call program, which may act as a shell, and stays: add \"multi-call\" to [remove] classes ({profile}) to remove it with all its links"
        ),
        Note::LedToMultiCall { link, program } => {
            let (base, name) = (escape(program.name()), escape(link.name()));
            let quoted = quoted(&base);
            format!(
                "{link} led to the multi-call program {program}, which stays: `{base} {name}` still works; to remove it with all its links add {quoted} to [remove] names"
            )
        }
        Note::NotLoadable(chains) => {
            format!("cannot be loaded, as before, because a library is missing: {}", some(chains.iter().map(chain)))
        }
        Note::MayLoad(paths) => format!(
            "{} may load libraries at run time (dlopen) that they do not declare, such as modules, engines and character sets: list what the app uses in [keep] paths",
            some(paths.iter().map(|path| escape(path)))
        ),
        Note::LoginShells { path, accounts } => format!(
            "{path} keeps the login shells of {}: it is on another mount, or longer than {MAX_PASSWD} bytes",
            self::accounts(accounts)
        ),
    }
}

/// The first few of a list.
fn some(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(NAMED);
    let text = items.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}
