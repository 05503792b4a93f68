//! lithify in the place of tini, dumb-init or catatonit, and `lithify init`: starts the app, and stays as its first
//! process, as they do. Nothing is hardened.

use std::ffi::OsString;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;

use super::fault;
use crate::cli::drop_in::{Asked, DropIn, Name, Wrong, read};
use crate::launch::duties::{Hears, Leads};
use crate::launch::event::Event;
use crate::launch::exec::AppCommand;
use crate::launch::init::{self, Init, ParentDeath};
use crate::linux::stream::Stream;
use crate::report::Exit;
use crate::report::drop_in::{self as say, Level, Line};
use crate::text::escape::escape;

/// Does what the words after the program's name say. Returns the exit code.
pub(super) fn run(name: Name, words: &[OsString]) -> u8 {
    fault::ends_with(Exit::RunFailed);
    match read(name, words) {
        Ok(Asked::Start(start)) => attend(*start),
        Ok(Asked::Help) => said(name, &help(name)),
        Ok(Asked::Version) => said(name, version(name)),
        Ok(Asked::License) => said(name, concat!("lithify, ", env!("CARGO_PKG_LICENSE"), "\n")),
        Err(wrong) => {
            let _ = Stream::Error.write(&refusal(name, wrong));
            1
        }
    }
}

fn said(name: Name, text: &str) -> u8 {
    // dumb-init says everything on standard error.
    let stream = if name == Name::DumbInit { Stream::Error } else { Stream::Output };
    u8::from(stream.write(text).is_err())
}

/// What docker and scripts look for.
fn version(name: Name) -> &'static str {
    match name {
        Name::Own => concat!("lithify ", env!("CARGO_PKG_VERSION"), "\n"),
        Name::Tini => concat!("tini version 0.19.0 (lithify ", env!("CARGO_PKG_VERSION"), ")\n"),
        Name::DumbInit => "dumb-init v1.2.5\n",
        Name::Catatonit => "tini version 0.1.7_catatonit\n",
    }
}

fn program(name: Name) -> &'static str {
    match name {
        Name::Own => "lithify init",
        Name::Tini => "tini",
        Name::DumbInit => "dumb-init",
        Name::Catatonit => "catatonit",
    }
}

fn help(name: Name) -> String {
    let flags = match name {
        Name::Own => "[-s] [-g] [-v] [-w] [-p SIGNAL] [-e CODE] [-r FROM:TO] [-P]",
        Name::Tini => "[-s] [-g] [-v] [-w] [-p SIGNAL] [-e CODE] [-h] [-l] | --version",
        Name::DumbInit => "[-c] [-r FROM:TO] [-v] [-h] [-V]",
        Name::Catatonit => "[-g] [-P] [-h] [-L] [-V]",
    };
    format!(
        "{}Usage: {} {flags} [--] PROGRAM [ARG]...\n\
         Starts PROGRAM, passes signals on, reaps orphans. This is lithify: docs/init.md of its project tells each flag.\n",
        version(name),
        program(name)
    )
}

fn refusal(name: Name, wrong: Wrong) -> String {
    let usage = help(name);
    match (name, wrong) {
        // dumb-init has no other flag with a value.
        (_, Wrong::Rewrite) | (Name::DumbInit, Wrong::NoValue(_)) => say::REWRITE.to_owned(),
        (Name::DumbInit, Wrong::NoCommand) => say::NO_COMMAND.to_owned(),
        (Name::Catatonit, Wrong::NoCommand) => say::catatonit_line("missing program name") + &usage,
        (_, Wrong::NoCommand) => usage,
        (Name::DumbInit, Wrong::Unknown(word)) => say::flag(program(name), &word, false),
        (_, Wrong::Unknown(word)) => say::flag(program(name), &word, false) + &usage,
        (_, Wrong::NoValue(letter)) => say::flag(program(name), &[letter], true) + &usage,
        (_, Wrong::Value(flag, value)) => fatal(name, &format!("Not a valid option for {flag}: {}", escape(&value))),
    }
}

fn fatal(name: Name, text: &str) -> String {
    match name {
        Name::Own => format!("lithify init: {text}\n"),
        Name::Tini => say::tini_line(0, text),
        Name::DumbInit => format!("[dumb-init] {text}\n"),
        Name::Catatonit => say::catatonit_line(text),
    }
}

fn attend(asked: DropIn) -> u8 {
    let DropIn { name, mut duties, parent_death, verbosity, warns_of_reaping, pauses, command } = asked;
    let failed = move |text: &str| {
        let _ = Stream::Error.write(&fatal(name, text));
        1
    };
    if let Some(signal) = parent_death.and_then(|number| Signal::try_from(i32::from(number)).ok()) {
        if let Err(errno) = ParentDeath::new(signal).ask() {
            return failed(&format!("prctl(PR_SET_PDEATHSIG): {}", errno.desc()));
        }
    }
    if pauses {
        init::pause();
        return 0;
    }
    let more = warns_of_reaping || name == Name::DumbInit && duties.leads == Leads::Nothing;
    duties.hears = Hears { hear: hear(name), level: verbosity | if more { say::MORE } else { 0 } };
    if name == Name::Tini && verbosity > 0 && !duties.adopts && !reaps() {
        let _ = Stream::Error.write(&say::tini_line(1, say::NO_SUBREAPER));
    }
    let path = escape(command.first().map(|word| word.as_encoded_bytes()).unwrap_or_default());
    let cannot = move |errno: Errno| match (name, errno) {
        (Name::DumbInit, _) => failed(&format!("{path}: {}", errno.desc())) + 1,
        (Name::Catatonit, _) => failed(&format!("failed to exec pid1: {}", errno.desc())),
        _ => {
            let code = failed(&format!("exec {path} failed: {}", errno.desc()));
            match errno {
                Errno::ENOENT => Exit::NotFound.code(),
                Errno::EACCES | Errno::ENOEXEC => Exit::CannotExecute.code(),
                _ => code,
            }
        }
    };
    let mut app = match AppCommand::new(&command, true) {
        Ok(app) => app,
        Err(error) => return duties.exit_codes.of(cannot(error.errno)),
    };
    if name != Name::DumbInit {
        app.inherit_signals();
    }
    match Init::start(&duties, move || cannot(app.execute().errno)) {
        Ok(init) => init.attend_to_the_end(),
        Err(errno) => failed(&format!("fork failed: {}", errno.desc())),
    }
}

/// Whether orphans come to this process.
fn reaps() -> bool {
    std::process::id() == 1 || prctl::get_child_subreaper().unwrap_or(true)
}

fn hear(name: Name) -> fn(Level, Event) {
    fn write(line: Line) {
        if let Some((error, text)) = line {
            let _ = if error { Stream::Error } else { Stream::Output }.write(&text);
        }
    }
    match name {
        Name::Own | Name::Tini => |level, event| write(say::tini(level, event)),
        Name::DumbInit => |level, event| write(say::dumb_init(level, event)),
        Name::Catatonit => |level, event| write(say::catatonit(level, event)),
    }
}
