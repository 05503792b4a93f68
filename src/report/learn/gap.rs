//! What could not be seen, and what to do about it.

use crate::learn::observed::Gap;
use crate::linux::errno::name;
use crate::text::escape::escape;

pub(super) fn text(gap: &Gap) -> String {
    match gap {
        Gap::NotTraced(errno) => format!(
            "tracing was refused ({}), and /proc was read every 20 ms instead: a program that ran for a shorter time may be missing",
            name(*errno)
        ),
        Gap::RanAlready => "the app ran already: what it started and ended before is missing".to_owned(),
        Gap::NoProc(errno) => format!(
            "/proc cannot be read ({}): libraries that were loaded by name, users and ports are missing",
            name(*errno)
        ),
        // Not how many: that differs from run to run.
        Gap::NoMappings(_) => {
            "the mapped files of some processes could not be read: libraries that they loaded by name may be missing"
                .to_owned()
        }
        Gap::Privileged(path) => format!(
            "{path} has setuid, setgid or file capabilities, which have no effect under a tracer: it may have done less than it does otherwise"
        ),
        Gap::NoPath(program) => {
            format!("a program was started that has no path now, so the profile cannot name it: {}", escape(program))
        }
    }
}

pub(super) fn advice(gap: &Gap) -> &'static str {
    match gap {
        Gap::NotTraced(_) => {
            "allow ptrace(2): kernel.yama.ptrace_scope below 3, and no seccomp profile that refuses it; or run the app's tests longer, and join several runs with --add"
        }
        Gap::RanAlready => "learn the start, too, and join both: lithify learn --add FILE -- CMD",
        Gap::NoProc(_) => "mount a procfs at /proc",
        Gap::NoMappings(_) => "run lithify as the same user as these processes, or with SYS_PTRACE",
        Gap::Privileged(_) => {
            "give the container SYS_PTRACE for the time of learning, or learn from the running app: lithify learn --root /proc/PID/root"
        }
        Gap::NoPath(_) => {
            "look at what starts it; a program that is made while the app runs is not touched by hardening at its start"
        }
    }
}
