//! Whether a command that met a fault did as it should.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nix::errno::Errno;

use super::calls::row;
use super::place::{Ended, First, Place, Programs};
use super::scenario::{Scenario, varies};
use super::tracer::{Action, Fault};

type Contents = BTreeMap<PathBuf, String>;

/// What a command does without a fault.
pub struct Expected {
    pub ended: Ended,
    before: Contents,
    after: Contents,
    canary: Contents,
}

impl Expected {
    /// Runs it twice: the second run changes nothing.
    pub fn of(programs: &Programs, scenario: &Scenario) -> Self {
        let place = scenario.place(programs);
        let (before, canary) = (seen(scenario, &place), place.canary());
        let ended = place.run(programs, &scenario.start, None);
        assert_eq!(ended.code, scenario.code, "lithify {}: {}", scenario.name(), ended.all());
        let after = seen(scenario, &place);
        let again = place.run(programs, &scenario.start, None);
        assert_eq!(again.code, scenario.code, "lithify {} for the second time: {}", scenario.name(), again.all());
        assert_eq!(seen(scenario, &place), after, "lithify {}", scenario.name());
        assert_eq!(place.canary(), canary);
        Self { ended, before, after, canary }
    }
}

/// What is in the root, without the content of what may vary.
fn seen(scenario: &Scenario, place: &Place) -> Contents {
    let mut contents = place.contents();
    for (path, line) in &mut contents {
        if varies(scenario, path) {
            line.clear();
        }
    }
    contents
}

/// A fault in words.
pub fn shown(fault: Fault) -> String {
    let name = row(fault.number).name();
    match fault.action {
        Action::Fail(errno) => format!("{errno:?} from {name} {}", fault.nth),
        Action::Kill => format!("killed at {name} {}", fault.nth),
    }
}

/// What is wrong; nothing if all is well.
pub struct Judged {
    pub met: bool,
    pub wrong: String,
}

impl Judged {
    /// Whether it is worse than an unclear word: something is lost, or a success is none.
    pub fn is_grave(&self) -> bool {
        ["FALSE SUCCESS", "IS GONE", "THE CANARY", "it does not end", "it ends with"]
            .iter()
            .any(|what| self.wrong.contains(what))
    }
}

/// A run with a fault, whose place waits for the next run.
pub struct Faulty<'a> {
    scenario: &'a Scenario,
    expected: &'a Expected,
    place: Place,
    judged: Judged,
    /// Whether the error says that another try is in vain, so that a next run need not find what this one did not.
    is_final: bool,
}

impl<'a> Faulty<'a> {
    /// Runs a command with a fault in a place that is ready for it, and looks at what it did.
    pub fn run(
        programs: &Programs,
        scenario: &'a Scenario,
        expected: &'a Expected,
        place: Place,
        fault: Fault,
    ) -> Self {
        let ended = place.run(programs, &scenario.start, Some(fault));
        let now = seen(scenario, &place);
        let mut wrong = Vec::new();
        wrong.extend(ending(scenario, expected, fault, &ended));
        if ended.code == scenario.code {
            wrong.extend(success(scenario, expected, fault, &ended, &now));
        }
        wrong.extend(meanwhile(expected, &now));
        // Of a file that was replaced nobody knows what it was.
        let is_final = [Errno::EACCES, Errno::EPERM, Errno::ENOSYS, Errno::ENOSPC, Errno::ESTALE];
        let is_final = matches!(fault.action, Action::Fail(errno) if is_final.contains(&errno));
        Self { scenario, expected, place, judged: Judged { met: ended.met, wrong: wrong.join("; ") }, is_final }
    }

    /// Runs it again without a fault, and looks at what is there then.
    pub fn again(mut self, programs: &Programs) -> Judged {
        let Self { scenario, expected, place, judged, is_final } = &mut self;
        if judged.wrong.is_empty() {
            let again = place.run(programs, &scenario.start, None);
            if again.code != scenario.code {
                judged.wrong = format!("the next run exits {}: {}", again.code, again.all());
            }
            let now = seen(scenario, place);
            if let Some(difference) = difference(&expected.after, &now).filter(|_| !*is_final) {
                judged.wrong = format!("the next run leaves {difference}");
            } else if let Some(wrong) = meanwhile(expected, &now) {
                judged.wrong = wrong;
            }
        }
        if place.canary() != expected.canary {
            judged.wrong.push_str("; THE CANARY HAS CHANGED");
        }
        self.judged
    }
}

/// Whether the memory that the command asked for was refused. The build that tests use then aborts with a line of Rust's
/// own; the shipped one says it itself.
fn has_no_memory(fault: Fault, ended: &Ended) -> bool {
    let name = row(fault.number).name();
    let says = ["memory allocation of", "got no more memory"].iter().any(|text| ended.stderr.contains(text));
    says && ["mmap", "mremap", "brk"].contains(&name)
}

/// How it ended, and what it said.
fn ending(scenario: &Scenario, expected: &Expected, fault: Fault, ended: &Ended) -> Option<String> {
    let all = ended.all();
    if ended.timed_out {
        return Some(format!("it does not end: {all}"));
    }
    if has_no_memory(fault, ended) || (fault.action == Action::Kill && ended.code == -9) {
        return None;
    }
    if ended.code < 0 || ["panicked at", "a fault of its own"].iter().any(|text| all.contains(text)) {
        return Some(format!("it ends with {}: {all}", ended.code));
    }
    if ended.code == scenario.code {
        return None;
    }
    // Nothing that is refused is done because something failed.
    if scenario.code == 3 && ended.code == 0 {
        return Some(format!("FALSE SUCCESS: {all}"));
    }
    // Before it knows what its copy accepts, it does nothing.
    let is_refusal = [3, 125].contains(&ended.code) && all.starts_with("lithify cannot read its own file");
    // A child that was killed is not lithify itself; whoever waits for it passes it on.
    let is_child = fault.action == Action::Kill && ended.code == 128 + 9 && scenario.start.first == First::Itself;
    if !is_refusal && !is_child && !scenario.codes.contains(&ended.code) {
        return Some(format!("exit {} is none of {:?}: {all}", ended.code, scenario.codes));
    }
    if let Action::Fail(errno) = fault.action {
        let names = [format!("{errno:?}"), errno.desc().to_owned(), format!("os error {}", errno as i32)];
        let lower = all.to_lowercase();
        let mut says = names.iter().any(|name| lower.contains(&name.to_lowercase()));
        // What the error means, in other words: of a file that is another one, and of a stream that looks closed.
        says |= errno == Errno::ESTALE && all.contains("was replaced by another file");
        says |= all.contains("cannot be read back from /proc/self/status (it cannot be read)");
        // What `run` could not delete, it has disabled or denied.
        says |= scenario.command == "run" && [" disabled", "denied to the app"].iter().any(|what| all.contains(what));
        // A tombstone that could not be read is taken for the program.
        says |= all.contains(": still there (");
        // Of a child that cannot tell how its attempt ended, only its silence is known.
        says |=
            ["write", "read"].contains(&row(fault.number).name()) && all.contains("was not tried: Broken pipe (EPIPE)");
        // EAGAIN is how a time limit of a socket ends (socket(7)).
        says |= errno == Errno::EAGAIN && all.contains("no answer in time");
        says |= row(fault.number).name() == "fcntl" && all.contains("(EBADF)");
        if !says {
            let new: Vec<_> = all.lines().filter(|line| !expected.ended.all().contains(line)).collect();
            return Some(format!("exit {} without the reason: {}", ended.code, new.join(" | ")));
        }
    }
    None
}

/// A success is one only if everything is as without the fault, or the report says what is not.
fn success(scenario: &Scenario, expected: &Expected, fault: Fault, ended: &Ended, now: &Contents) -> Option<String> {
    let denied = scenario.command == "run" && ended.all().contains("denied to the app");
    // What `run` could not delete has mode 000, and it says so.
    let disables = scenario.command == "run" && ended.all().contains(" disabled");
    let mut left = now.clone();
    left.retain(|path, line| expected.after.contains_key(path) || !disables || !line.contains(" 100000 "));
    if let Some(difference) = difference(&expected.after, &left).filter(|_| !denied) {
        return Some(format!("FALSE SUCCESS: {difference}: {}", ended.all()));
    }
    // A file that was replaced, and a tombstone that stands there by now, was put there by another run: it is not counted.
    let counts = scenario.command != "harden" || fault.action != Action::Fail(Errno::ESTALE);
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.chars().filter(|byte| counts || !byte.is_ascii_digit()).collect()).collect()
    };
    let (said, expected) = (lines(&ended.stdout), lines(&expected.ended.stdout));
    // A refusal is none.
    if scenario.code == 3 {
        return None;
    }
    let is_note = |line: &&String| ["note:", "# note:", "  fix:", "{"].iter().any(|start| line.starts_with(start));
    // Who only wants to see a list gets what could be seen, and is told what could not.
    if scenario.lists && said.iter().any(|line| line.starts_with("UNVERIFIED")) {
        return None;
    }
    let is_lost = expected.iter().find(|line| !said.contains(line) && !is_note(line));
    let is_new = said.iter().find(|line| !expected.contains(line) && !is_note(line));
    match (is_lost, is_new) {
        (None, None) => None,
        (lost, new) => Some(format!("FALSE SUCCESS: without {lost:?}, with {new:?}")),
    }
}

/// Each name is as it was or as it is to be; what is to stay is there.
fn meanwhile(expected: &Expected, now: &Contents) -> Option<String> {
    for (path, line) in &expected.after {
        if expected.before.contains_key(path) && !now.contains_key(path) {
            return Some(format!("{} IS GONE ({line})", path.display()));
        }
    }
    for (path, line) in now {
        let known = [&expected.before, &expected.after].map(|contents| contents.get(path));
        let is_draft = path.components().any(|part| {
            part.as_os_str().to_str().is_some_and(|name| name.starts_with('.') && name.contains("lithify"))
        });
        // What `run` cannot remove has mode 000 at the end, so that nobody starts it.
        let is_disabled = line.contains(" 100000 ") && !expected.after.contains_key(path);
        if !is_draft && !is_disabled && !known.contains(&Some(line)) {
            return Some(format!("{} is {line}, neither {known:?}", path.display()));
        }
    }
    None
}

/// The first difference.
fn difference(expected: &Contents, found: &Contents) -> Option<String> {
    for (path, line) in expected {
        if found.get(path) != Some(line) {
            return Some(format!("{} as {:?} instead of {line}", path.display(), found.get(path)));
        }
    }
    found.keys().find(|path| !expected.contains_key(*path)).map(|path| format!("{} besides", path.display()))
}
