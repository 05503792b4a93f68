//! The plan: the actions in order, each with the rule and the profile that ask for it. It is plain data and computed by
//! a pure function. `--dry-run` prints it, and `apply` carries it out.

mod change;
mod reason;
mod refused;

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::rc::Rc;

use crate::harden::found::{Cause, Found};
use crate::harden::protection::{self, Claim, Protection};
use crate::harden::survey::{LoginShells, Strippable, Survey};
use crate::profile::{Method, Profile, Rule, Sourced};
use crate::root::{Canonical, Identity, Kind};

pub use change::{Change, Keep};
pub use reason::{Note, Reason};
use refused::Refused;
pub use refused::{STAYS, UNREADABLE, is_shell, pattern_for, pattern_text};

/// What is done to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The name is unlinked.
    Remove,
    /// The file gets mode 000.
    Disable,
    /// The name is replaced with a tombstone ([`crate::recognise::tombstone`]).
    Tombstone,
    /// Mode bits are cleared, and file capabilities are removed if the profile asks for it.
    Strip {
        /// Bits to clear; may be 0.
        bits: u32,
        /// Whether `security.capability` is removed.
        capabilities: bool,
    },
    /// Login shells in passwd(5) are replaced.
    LoginShells {
        /// The shell that replaces them.
        shell: &'static str,
    },
}

impl Verb {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Disable => "disable",
            Self::Tombstone => "tombstone",
            Self::Strip { .. } | Self::LoginShells { .. } => "strip",
        }
    }
}

/// The rule that asks for something, and its profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The rule as text, such as `names "sh"`.
    pub rule: String,
    /// The profile of the rule.
    pub profile: Rc<str>,
}

/// One action.
#[derive(Clone, Debug)]
pub struct Action {
    /// What is done.
    pub verb: Verb,
    /// The name, the file that it belonged to, and how the rule led there.
    pub file: Rc<Found>,
    /// The rule that asks for it.
    pub origin: Rc<Origin>,
}

impl std::ops::Deref for Action {
    type Target = Found;

    fn deref(&self) -> &Found {
        &self.file
    }
}

impl Action {
    /// The canonical path of the name, inside the root.
    pub fn path(&self) -> Canonical {
        self.file.path()
    }

    /// The name through which this one was found; `None` if a rule names this one itself.
    pub fn leads_from(&self) -> Option<&[u8]> {
        match &self.cause {
            Cause::Target { of, .. } | Cause::HardLink { of } | Cause::LinkTo { of } => Some(of),
            Cause::Rule | Cause::Content { .. } | Cause::Strip | Cause::LoginShells { .. } => None,
        }
    }
}

/// Something that a rule asks for and that must not go. It keeps the whole plan from being carried out.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The path that the rule would take.
    pub path: Canonical,
    /// The file at that path, if there is one.
    pub id: Option<Identity>,
    /// The rule that asks for it.
    pub origin: Rc<Origin>,
    /// Why it must not go.
    pub reason: Reason,
    /// What `[keep] paths` has to name so that no refusal of this kind is left; `None` if `[keep]` does not help.
    pub keep: Option<Rc<Vec<Vec<u8>>>>,
    /// Paths of which `[keep] paths` has to name one so that this refusal is not left, whatever that leaves to an
    /// intruder. Empty if none helps.
    pub saved_by: Vec<Vec<u8>>,
}

/// Something that a rule meets and that stays.
#[derive(Clone, Debug)]
pub struct Stays {
    /// The path.
    pub path: Canonical,
    /// The rule that asks for it.
    pub origin: Rc<Origin>,
    /// Why it stays.
    pub reason: Reason,
}

/// The whole plan.
#[derive(Debug, Default)]
pub struct Plan {
    /// The actions, in order.
    pub actions: Vec<Action>,
    /// Why nothing may be done; empty if the plan may be carried out.
    pub refusals: Vec<Refusal>,
    /// The change of the profile with which it may be carried out, if one was looked for and found.
    pub change: Option<Change>,
    /// Names that `[keep]` saves.
    pub kept: Vec<Stays>,
    /// Names on other mounts: each is a finding.
    pub skipped: Vec<Stays>,
    /// Files of which not all names were found: each is a finding.
    pub missing: Vec<Stays>,
    /// Remarks, which are not findings.
    pub notes: Vec<Note>,
}

/// Computes the plan. The order makes it safe to be killed at any moment. Names that a next run would no longer
/// recognise (links that would dangle, other names of a file, targets of a named link) go before the names in the
/// rules.
pub fn plan(profile: &Profile, survey: &Survey, protection: &Protection) -> Plan {
    let origins = Origins::of(profile);
    let origin = |rule: usize| origins.get(rule);
    let mut plan = without_actions(&origins, survey);
    let method = profile.method();
    let occupied = occupied_directories(survey);
    let mut noted = HashSet::new();
    plan.actions.reserve(survey.found.len());
    let mut refused = Refused::default();
    for found in &survey.found {
        if let Some(reason) = protected(found, protection) {
            if survey.forced.contains(&found.stat.id)
                && found.library.is_none()
                && !protection.is_lithify(found.stat.id)
            {
                plan.notes.push(Note::Forced { path: found.path(), claim: reason.claim });
            } else {
                refused.add(found, reason, origin(found.rule));
                continue;
            }
        }
        if let Some(user) = protection.other_user(found.stat.id) {
            if noted.insert(found.stat.id) {
                plan.notes.push(Note::RunByOther { path: found.path(), process: user.clone() });
            }
        }
        let verb = match (method, found.stat.kind) {
            (Method::Delete | Method::Tombstone, Kind::Directory) if occupied.contains(&found.path()) => continue,
            (Method::Tombstone, _) if is_command(profile, found) => Verb::Tombstone,
            (Method::Delete | Method::Tombstone, _) => Verb::Remove,
            (Method::Disable, Kind::File) if found.stat.mode & 0o7777 != 0 => Verb::Disable,
            (Method::Disable, _) => continue,
        };
        plan.actions.push(Action { verb, file: Rc::clone(found), origin: origin(found.rule) });
    }
    refused.finish(&mut plan);
    // The order is by rank, then by directory, so that each is opened once, then by name.
    crate::text::order::sort_by(&mut plan.actions, |a, b| {
        let by_name = || a.parent.compare(&b.parent).then_with(|| a.name.cmp(&b.name));
        rank(a).cmp(&rank(b)).then_with(by_name)
    });
    plan.actions.extend(survey.strippable.iter().map(|file| strip(profile, file)));
    plan.actions.extend(survey.login_shells.iter().map(|accounts| login_shells(profile, accounts)));
    plan
}

/// The rules of `[remove]`, each with its profile, put into words when they are asked for: most rules meet nothing.
pub struct Origins<'p> {
    rules: &'p [Rule],
    made: Vec<OnceCell<Rc<Origin>>>,
}

impl<'p> Origins<'p> {
    /// The rules of `profile`.
    pub fn of(profile: &'p Profile) -> Self {
        let rules = &*profile.remove;
        Self { rules, made: rules.iter().map(|_| OnceCell::new()).collect() }
    }

    /// The rule with this index in [`Profile::remove`].
    pub fn get(&self, rule: usize) -> Rc<Origin> {
        let (Some(made), Some(rule)) = (self.made.get(rule), self.rules.get(rule)) else { return Rc::default() };
        let origin = || Rc::new(Origin { rule: rule.value.to_string(), profile: Rc::clone(&rule.profile) });
        Rc::clone(made.get_or_init(origin))
    }
}

/// The part of the plan about names that stay.
fn without_actions(origins: &Origins<'_>, survey: &Survey) -> Plan {
    let origin = |rule: usize| origins.get(rule);
    let notes = survey.notes.iter().cloned().map(Note::Survey).collect();
    let mut plan = Plan { notes, ..Plan::default() };
    for kept in &survey.kept {
        plan.kept.push(Stays {
            path: kept.path.clone(),
            origin: origin(kept.rule),
            reason: Reason::Kept(Rc::clone(&kept.reason)),
        });
    }
    for skipped in &survey.skipped {
        plan.skipped.push(Stays {
            path: skipped.path.clone(),
            origin: origin(skipped.rule),
            reason: if skipped.mount_point { Reason::MountPoint } else { Reason::OtherMount },
        });
    }
    for missing in &survey.missing {
        let (path, expected, found) = (missing.path.clone(), missing.expected, missing.found);
        if missing.overlay {
            plan.notes.push(Note::OtherNames { path, expected, found });
        } else {
            let reason = Reason::OtherNames { expected, found };
            plan.missing.push(Stays { path, origin: origin(missing.rule), reason });
        }
    }
    plan.refusals.extend(survey.missing_libraries.iter().map(|missing| Refusal {
        path: missing.chain.start.clone(),
        id: None,
        origin: origin(missing.rule),
        reason: Reason::MissingLibrary(missing.chain.clone()),
        keep: None,
        saved_by: named(survey, missing.chain.loads.last().map(|load| load.name.as_slice())),
    }));
    plan
}

/// The files with that name that are to go: one of them may be the library that is missing.
fn named(survey: &Survey, name: Option<&[u8]>) -> Vec<Vec<u8>> {
    let found = survey.found.iter().filter(|found| Some(&*found.name) == name && found.stat.kind != Kind::Directory);
    let mut paths: Vec<Vec<u8>> = found.map(|found| found.path().into_bytes()).collect();
    crate::text::order::sort_by_bytes(&mut paths, Clone::clone);
    paths
}

/// Whether the name may be started as a command, so that a tombstone in its place would be seen. The content of a
/// directory goes with the directory, without tombstones.
fn is_command(profile: &Profile, found: &Found) -> bool {
    match (found.stat.kind, &found.cause) {
        (_, Cause::Content { .. }) => false,
        (Kind::File, _) => found.stat.mode & 0o111 != 0,
        (Kind::Symlink, _) => profile.search().iter().any(|directory| found.parent.path() == *directory),
        _ => false,
    }
}

/// The order of an action: the lower rank goes first, and within a rank the greater depth. A directory goes after its
/// content.
fn rank(found: &Found) -> (u8, Reverse<usize>) {
    let (rank, depth) = match &found.cause {
        _ if found.stat.kind == Kind::Directory => (4, found.parent.depth()),
        Cause::LinkTo { .. } => (0, 0),
        Cause::HardLink { .. } => (1, 0),
        Cause::Target { depth, .. } => (2, *depth as usize),
        Cause::Rule | Cause::Content { .. } | Cause::Strip | Cause::LoginShells { .. } => (3, 0),
    };
    (rank, Reverse(depth))
}

/// Whether the plan takes away a file that a process may run.
pub fn takes_away(profile: &Profile, found: &Found, protection: &Protection) -> bool {
    let goes = profile.method() != Method::Disable || found.stat.mode & 0o7777 != 0;
    goes && found.stat.kind == Kind::File && protected(found, protection).is_none()
}

/// Why a found file must stay; `None` if it may go.
fn protected(found: &Found, protection: &Protection) -> Option<protection::Reason> {
    if let Some(library) = &found.library {
        return Some(protection::Reason::new(Claim::Library(Rc::clone(library))));
    }
    match found.stat.kind {
        Kind::File | Kind::Symlink => protection.reason(found.stat.id).cloned(),
        _ => None,
    }
}

/// Directories that cannot be removed because something in them stays.
fn occupied_directories(survey: &Survey) -> HashSet<Canonical> {
    let staying = survey.kept.iter().map(|kept| &kept.path).chain(survey.skipped.iter().map(|skipped| &skipped.path));
    staying.flat_map(Canonical::ancestors).collect()
}

fn strip(profile: &Profile, file: &Strippable) -> Action {
    let mut wanted = Vec::new();
    let mut by = None;
    for (bit, name, flag) in [
        (0o4000, "setuid", &profile.strip.setid),
        (0o2000, "setgid", &profile.strip.setid),
        (0o002, "world-writable", &profile.strip.world_writable),
    ] {
        if file.bits & bit != 0 {
            wanted.push(name);
            by = by.or(flag.as_ref());
        }
    }
    if file.capabilities {
        wanted.push("file capabilities");
        by = by.or(profile.strip.file_capabilities.as_ref());
    }
    let verb = Verb::Strip { bits: file.bits, capabilities: file.capabilities };
    action(verb, &file.file, format!("strip {}", wanted.join(", ")), by)
}

fn login_shells(profile: &Profile, accounts: &LoginShells) -> Action {
    let verb = Verb::LoginShells { shell: accounts.shell };
    action(verb, &accounts.file, "strip login shells".to_owned(), profile.strip.login_shells.as_ref())
}

fn action(verb: Verb, file: &Rc<Found>, rule: String, by: Option<&Sourced<bool>>) -> Action {
    let profile = by.map(|flag| Rc::clone(&flag.profile)).unwrap_or_default();
    Action { verb, file: Rc::clone(file), origin: Rc::new(Origin { rule, profile }) }
}
