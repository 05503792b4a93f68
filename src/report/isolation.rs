//! Puts into words what was seen of what shuts the app off from the node.

use std::fmt::Write;

use crate::text::escape::escape;
use crate::verify::{Check, CheckId, Effect, Isolation, Status, ToldBy};

/// What was seen.
pub(super) fn detail(check: &Check, seen: &Isolation) -> String {
    let text = match seen {
        Isolation::RootInNamespace(seen, outside) => {
            let [real, ..] = seen;
            return format!("id {real}, in a user namespace whose root is {outside} outside of it");
        }
        Isolation::RootOutside(Some(0)) => {
            "its root is root on the node: no user namespace, or one that maps root to root"
        }
        Isolation::RootOutside(Some(id)) => return format!("its root is uid {id} outside of its user namespace"),
        Isolation::RootOutside(None) => "its user namespace has no root",
        Isolation::Label(label) => return format!("its label is {}", escape(label)),
        Isolation::CoreLimit(None) => "core files of any size may be written",
        Isolation::CoreLimit(Some(limit)) => return format!("core files of up to {limit} bytes may be written"),
        Isolation::CorePipe(program) => {
            let keeps = if check.status == Status::Pass { "is told so (%c)" } else { "is not told so (%c)" };
            return format!(
                "core files of 0 bytes may be written; the program of the node that gets them {keeps}: {}",
                escape(program)
            );
        }
        Isolation::Initial(false, ToldBy::Number) => "the container has its own",
        Isolation::Initial(true, ToldBy::Number) => "it is the machine's own",
        Isolation::Initial(false, ToldBy::Settings) => {
            "the container has its own: net.core.netdev_budget is not in /proc/sys, and only the machine's has it"
        }
        Isolation::Initial(true, ToldBy::Settings) => {
            "it is the machine's own: it has net.core.netdev_budget in /proc/sys"
        }
        Isolation::NetworkUnknown(errno) => {
            return format!(
                "a kernel before 6.18 does not say it, and the heuristic cannot tell (whether net.core.netdev_budget is in /proc/sys): {}",
                errno.desc()
            );
        }
        Isolation::Effects(effects) if effects.is_empty() => {
            "not every capability, /sys and /proc/sys read-only, no disk in /dev"
        }
        Isolation::Effects(effects) => {
            let words = effects.iter().map(|effect| match effect {
                Effect::AllCapabilities => "every capability is in its bounding set",
                Effect::WritableSys => "/sys is writable",
                Effect::WritableSettings => "/proc/sys is writable",
                Effect::Disks => "disks of the node are in /dev",
            });
            return format!("as a privileged container: {}", words.collect::<Vec<_>>().join("; "));
        }
        Isolation::Names(names) => return self::names(check.id, names),
        Isolation::NothingSuch => match check.id {
            CheckId::AppArmor => "the kernel runs without AppArmor",
            CheckId::SeLinux => "the kernel runs without SELinux",
            CheckId::RecursiveReadOnly => "no volume is mounted read-only",
            CheckId::WritableCgroup => "no control group is mounted",
            _ => "no procfs is mounted there",
        },
        Isolation::Limit(file, value) => {
            let none = if check.status == Status::Pass { "" } else { "no limit: " };
            return format!("{none}{} is {}", escape(file), escape(value));
        }
        Isolation::NoSuchLimit => {
            "no file of its control group says it: /sys/fs/cgroup is not mounted, or the controller is not enabled for it"
        }
        Isolation::Settings(settings) => {
            let settings =
                settings.iter().map(|(name, value)| format!("{} = {}", name.replace('/', "."), escape(value)));
            return settings.collect::<Vec<_>>().join(", ");
        }
        Isolation::NoOwner(reason) => return reason.to_string(),
    };
    text.to_owned()
}

/// What is said if nothing of what a check looks for is there, and what before the names of those that are.
fn names(id: CheckId, names: &[Vec<u8>]) -> String {
    const MOST: usize = 10;
    let (none, some) = match id {
        CheckId::RecursiveReadOnly => {
            ("nothing below a read-only volume is writable", "writable below a read-only volume")
        }
        CheckId::Shared => ("no mount is shared with the node", "mounts that are shared with the node"),
        CheckId::ProcMasks => ("hidden and read-only as by default", "not hidden, or not read-only"),
        CheckId::HostPaths => (
            "no mount that mountinfo tells from a volume shows the node's files writable",
            "files of the node, mounted writable",
        ),
        CheckId::Devices => ("no device but those of every container", "devices of the node"),
        CheckId::WritableCgroup => ("every control group is read-only", "writable control groups"),
        _ => ("no variable is named as a secret", "variables that are named as secrets"),
    };
    if names.is_empty() {
        return none.to_owned();
    }
    let mut text = format!("{some}: ");
    let mut comma = "";
    for name in names.iter().take(MOST) {
        let _ = write!(text, "{comma}{}", escape(name));
        comma = ", ";
    }
    if names.len() > MOST {
        let _ = write!(text, " and {} more", names.len() - MOST);
    }
    text
}
