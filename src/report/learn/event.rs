//! What was seen, in one line each: `learn -v`.

use nix::libc::{WEXITSTATUS, WIFSIGNALED, WTERMSIG};

use crate::learn::Event;
use crate::text::escape::escape;

/// The line of an event.
pub fn line(event: Event<'_>) -> String {
    let what = match event {
        Event::Executed { pid, program, script, told } => {
            let executes = if told { "executes" } else { "runs" };
            let script = script.map_or_else(String::new, |script| format!(" for {}", escape(script)));
            format!("process {pid} {executes} {}{script}", escape(program))
        }
        Event::Forked { pid, child } => format!("process {pid} starts process {child}"),
        Event::Cloned { pid, thread } => format!("process {pid} starts thread {thread}"),
        Event::Exited { pid, thread, status } => {
            let who = match thread {
                Some(thread) => format!("thread {thread} of process {pid}"),
                None => format!("process {pid}"),
            };
            let how = match status {
                None => String::new(),
                Some(status) if WIFSIGNALED(status) => format!(", killed by signal {}", WTERMSIG(status)),
                Some(status) => format!(" with {}", WEXITSTATUS(status)),
            };
            format!("{who} ends{how}")
        }
    };
    format!("lithify learn: {what}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let executed = |script, told| Event::Executed { pid: 7, program: b"/bin/a\nb", script, told };
        for (event, expected) in [
            (executed(None, true), "process 7 executes /bin/a\\nb"),
            (executed(Some(&b"/x\x1b"[..]), false), "process 7 runs /bin/a\\nb for /x\\u{1b}"),
            (Event::Forked { pid: 7, child: 8 }, "process 7 starts process 8"),
            (Event::Cloned { pid: 7, thread: 8 }, "process 7 starts thread 8"),
            (Event::Exited { pid: 7, thread: None, status: Some(3 << 8) }, "process 7 ends with 3"),
            (
                Event::Exited { pid: 7, thread: Some(8), status: Some(9) },
                "thread 8 of process 7 ends, killed by signal 9",
            ),
            (Event::Exited { pid: 7, thread: None, status: None }, "process 7 ends"),
        ] {
            assert_eq!(line(event), format!("lithify learn: {expected}\n"));
        }
    }
}
