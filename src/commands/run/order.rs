//! Decides whether `run` starts the app before it carries the plan out. An entrypoint script may need what goes.

use nix::errno::Errno;

use crate::cli::{Fallback, Run};
use crate::harden::pipeline::Planned;
use crate::report::Note;
use crate::root::InRoot;

/// Whether to start the app first. If that would not help, adds a note that says why.
pub(super) fn is_app_first(options: &Run, planned: &Planned<'_>, notes: &mut Vec<Note>) -> bool {
    if !options.after_start && !refuses_only_start(planned) {
        return false;
    }
    // Once the app runs, what cannot be deleted can no longer be denied either.
    let warns = |errno: &Errno| options.fallback == Fallback::Warn && *errno == Errno::EROFS;
    if let Some(errno) = undeletable(planned).filter(|errno| !warns(errno)) {
        notes.push(Note::Stuck(errno));
        return false;
    }
    !refuses_command(planned)
}

/// Whether the plan is refused only because of what the command needs to start but no longer needs once it is up, such
/// as the shell of an entrypoint script.
fn refuses_only_start(planned: &Planned<'_>) -> bool {
    let mut refusals = planned.plan.refusals.iter();
    !planned.plan.refusals.is_empty()
        && refusals.all(|refusal| refusal.id.is_some_and(|id| planned.protected.protection.passes(id)))
}

/// Whether the plan would delete the command itself.
fn refuses_command(planned: &Planned<'_>) -> bool {
    let mut refusals = planned.plan.refusals.iter();
    refusals.any(|refusal| refusal.id.is_some_and(|id| planned.protected.protection.is_command(id)))
}

/// Why nothing can be deleted, now or later, in a directory that holds something refused.
fn undeletable(planned: &Planned<'_>) -> Option<Errno> {
    let errno = planned.plan.refusals.iter().find_map(|refusal| {
        let directory = InRoot(InRoot(&refusal.path).directory());
        planned.protected.target.root.write_test(directory).err().map(|error| error.errno())
    });
    errno.filter(|errno| matches!(errno, Errno::EROFS | Errno::EACCES))
}
