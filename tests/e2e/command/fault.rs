//! A fault of lithify's own: the instruction that a panic of the shipped build ends in runs for real, in the middle of a
//! command. A debugger (`ptrace(2)`) brings the command there.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::harness::init_app::eventually;
use crate::harness::{command, lithify};

/// What the kernel calls the command, once the shell has become it.
fn is_lithify(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "lithify\n")
}

/// An address in the memory of `pid` where the instruction `ud2` stands, and the same in the program file.
fn fault_of(pid: Pid) -> (u64, u64) {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let rows = || maps.lines().filter(|row| row.ends_with("/lithify"));
    let base = number(rows().next().unwrap().split('-').next().unwrap());
    let code: Vec<&str> = rows().find(|row| row.contains(" r-xp ")).unwrap().split([' ', '-']).collect();
    let [start, end, offset] = [code[0], code[1], code[4]].map(number);
    let file = std::fs::read(lithify()).unwrap();
    let code = &file[usize::try_from(offset).unwrap()..]
        [..usize::try_from(end - start).unwrap().min(file.len() - usize::try_from(offset).unwrap())];
    let place = start + u64::try_from(code.windows(2).position(|pair| pair == [0x0f, 0x0b]).unwrap()).unwrap();
    (place, place - base)
}

/// Starts lithify, and has it run into a fault when it has made this system call, once it catches faults. Returns how it
/// ended, and the address of the fault in its program file.
fn faulty(arguments: &[&str], after: libc::c_long) -> (Output, u64) {
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().args(["-c", "read line; exec \"$@\"", "sh"]).arg(lithify()).args(arguments);
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    ptrace::attach(pid).unwrap();
    waitpid(pid, None).unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut catches = false;
    let mut registers = loop {
        ptrace::syscall(pid, None).unwrap();
        let status = waitpid(pid, None).unwrap();
        assert!(matches!(status, WaitStatus::Stopped(..)), "{status:?}");
        let registers = ptrace::getregs(pid).unwrap();
        let (call, has_returned) = (i64::try_from(registers.orig_rax).unwrap_or(-1), registers.rax == 0);
        if catches && has_returned && call == after {
            break registers;
        }
        catches |= call == libc::SYS_rt_sigaction && registers.rdi == Signal::SIGTRAP as u64 && is_lithify(pid);
    };
    let (place, address) = fault_of(pid);
    registers.rip = place;
    ptrace::setregs(pid, registers).unwrap();
    ptrace::detach(pid, None).unwrap();
    (child.wait_with_output().unwrap(), address)
}

#[track_caller]
fn tells(code: i32, (output, address): (Output, u64)) {
    let version = env!("CARGO_PKG_VERSION");
    let line = format!(
        "lithify {version} failed by a fault of its own at address {address:#x} of its program: nothing is certain about what was done; run it again, and report this line\n"
    );
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), line);
    assert!(output.stdout.is_empty());
}

#[test]
fn it_is_told_in_one_line_and_is_a_failure() {
    tells(1, faulty(&["sleep", "100"], libc::SYS_rt_sigprocmask));
    tells(1, faulty(&["profile", "list"], libc::SYS_close));
}

#[test]
fn run_tells_it_although_it_holds_signals_and_exits_with_no_code_of_an_app() {
    tells(125, faulty(&["run", "--init", "--", "/bin/true"], libc::SYS_rt_sigprocmask));
}

#[test]
fn the_first_process_of_a_namespace_tells_it() {
    // The next child is process 1 of a namespace of its own. Each test is a process.
    unshare(CloneFlags::CLONE_NEWPID).unwrap();
    tells(125, faulty(&["run", "--", "/bin/true"], libc::SYS_rt_sigprocmask));
}

#[test]
fn the_same_signal_from_somebody_else_is_no_fault() {
    for signal in [Signal::SIGILL, Signal::SIGTRAP] {
        let sleep = command().args(["sleep", "100"]).stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_raw(sleep.id().try_into().unwrap());
        eventually("it catches faults", || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            (is_lithify(pid) && !status.contains("SigCgt:\t0000000000000000")).then_some(())
        });
        kill(pid, signal).unwrap();
        let output = sleep.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(signal as i32));
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}
