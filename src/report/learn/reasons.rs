//! What an entry was seen for, in words. The same facts give the same words: no process ids, no times.

use crate::learn::observed::{Port, Role};
use crate::learn::{Why, Writable, Written};
use crate::text::escape::escape;

/// How many names a sentence holds.
const NAMED: usize = 4;

/// The kernel gives out ports from here on by itself, so that they differ from run to run (ip(7)).
const EPHEMERAL: u16 = 32768;

pub(super) fn kept(why: &Why) -> String {
    match why {
        Why::Started { roles, by, times, new } => {
            let roles: Vec<&str> = roles.iter().map(|role| self::role(*role)).collect();
            let by = if by.is_empty() { String::new() } else { format!(" by {}", some(by)) };
            let new = if *new { "; made or changed after the start: the image may not have it" } else { "" };
            format!("{}, {}{by}{new}", roles.join(" and "), often(*times))
        }
        Why::Link { to } => format!("a link by which {to} was started"),
        Why::Script(of) => format!("a script that {} ran", some(of)),
        Why::Sourced(by) => format!("a script that {by} reads"),
        Why::Helper(by) => format!("not started; {by} names it, and starts others of its directory"),
        Why::Loaded(by) => format!("loaded by name by {}", some(by)),
        Why::Modules { seen: 1, by } => format!("a directory of modules, 1 loaded by {}", some(by)),
        Why::Modules { seen, by } => format!("a directory of modules, {seen} loaded by {}", some(by)),
        Why::ReadBy(program) => format!("where {program} looks for modules"),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::App => "the app",
        Role::Script => "a script",
        Role::Interpreter => "an interpreter of scripts",
        Role::Loader => "a dynamic loader",
        Role::Child => "a program",
    }
}

/// A loop may start a program once more or once less, so large numbers are round.
fn often(times: u64) -> String {
    match times {
        0 => "ran already".to_owned(),
        1 => "started once".to_owned(),
        2..=9 => format!("started {times} times"),
        10..=99 => "started 10 times or more".to_owned(),
        100..=999 => "started 100 times or more".to_owned(),
        _ => "started 1000 times or more".to_owned(),
    }
}

pub(super) fn written(place: &Writable) -> String {
    let made = if place.made { "; the app seems to have made it" } else { "" };
    match place.written {
        Written::Changed { hides: 0 } => format!("files were made or changed there{made}"),
        Written::Changed { hides } => {
            format!("files were made or changed there; an empty volume would hide {hides} of the image")
        }
        Written::Emptied => "files were removed or renamed there".to_owned(),
        Written::Volume => "a volume, which was written to".to_owned(),
        Written::Temporary => "temporary files, which may leave no trace".to_owned(),
        Written::SharedMemory => "shared memory, which leaves no trace".to_owned(),
    }
}

/// The ports that an app chooses itself; `None` if there are none.
pub(super) fn ports(ports: &[Port]) -> Option<String> {
    let chosen = ports.iter().filter(|port| port.number < EPHEMERAL).map(|port| {
        let protocol = if port.tcp { "tcp" } else { "udp" };
        format!("{protocol} {}{}", port.number, if port.loopback { " (loopback)" } else { "" })
    });
    let chosen: Vec<String> = chosen.collect();
    (!chosen.is_empty()).then(|| chosen.join(", "))
}

/// The first of these names.
pub(super) fn some<T: AsRef<[u8]>>(names: &[T]) -> String {
    let first: Vec<String> = names.iter().take(NAMED).map(|name| escape(name.as_ref())).collect();
    let more = names.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
}
