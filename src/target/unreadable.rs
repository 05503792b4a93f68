//! Programs of processes that run as another user.
//!
//! Reading `/proc/PID/exe` takes the same user, group and capabilities, or `CAP_SYS_PTRACE` (ptrace(2), "Ptrace access
//! mode checking"), which no runtime grants by default. Runtimes do grant `CAP_SETUID` and `CAP_SETGID`: a child
//! changes to the user of the process, reads the link, writes the answer to a pipe and exits. A process stays
//! unreadable if it kept capabilities, or if it changed its user itself and is therefore not dumpable: see
//! [`crate::target::candidates`].

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, pipe2};

use crate::linux::deadline::Deadline;
use crate::linux::identity::Identity;
use crate::linux::proc::processes::{Process, Program};
use crate::linux::proc::{Proc, Task, path_of_descriptor};
use crate::linux::sys::stat_as::{Credentials, STAT_NUMBERS, STAT_RECORD, fork_to_stat};
use crate::linux::time::Time;
use crate::root::{Details, details_of};

/// How long a child may take: processes of its new user could stop it.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is known of the file that a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The file.
    pub id: Identity,
    /// When it was last changed.
    pub changed: Time,
    /// Its path as `/proc/PID/exe` shows it; its beginning if it is very long.
    pub path: Vec<u8>,
}

/// Fills in the programs that this user may not read but a child can.
pub(super) fn read(processes: &mut [&mut Process]) {
    let tasks: Vec<&Process> = processes.iter().map(|process| &**process).collect();
    let mut programs: Vec<Result<Seen, Errno>> = tasks
        .iter()
        .map(|process| match process.program {
            Program::Unreadable { .. } => Err(Errno::EACCES),
            Program::Known(_) | Program::None => Err(Errno::EINVAL),
        })
        .collect();
    look_as_their_users(&tasks, &mut programs);
    for (process, program) in processes.iter_mut().zip(programs) {
        match program {
            Ok(seen) => process.program = Program::Known(seen.id),
            Err(Errno::ENOENT | Errno::ESRCH) => process.program = Program::None,
            Err(_) => {}
        }
    }
}

/// The program of each process, read by this process or by a child. Processes that have ended have none (`ENOENT`,
/// `ESRCH`).
pub fn programs(processes: &[&Process]) -> Vec<Result<Seen, Errno>> {
    let mut programs: Vec<_> = processes.iter().map(|process| program(process)).collect();
    look_as_their_users(processes, &mut programs);
    programs
}

fn program(process: &Process) -> Result<Seen, Errno> {
    let file = Proc::open()?.open_program(process.task())?;
    let Details { stat, changed, .. } = details_of(file.as_fd(), c"", b"").map_err(|error| error.errno())?;
    Ok(Seen { id: stat.id, changed, path: path_of_descriptor(file.as_fd())? })
}

/// Lets a child look at each of these programs that this user may not look at (`EACCES`, `EPERM`). Starts one child for
/// each set of credentials.
fn look_as_their_users(processes: &[&Process], programs: &mut [Result<Seen, Errno>]) {
    let mut groups: Vec<(Credentials, Vec<usize>)> = Vec::new();
    for (index, (process, program)) in processes.iter().zip(&*programs).enumerate() {
        if !matches!(program, Err(Errno::EACCES | Errno::EPERM)) {
            continue;
        }
        let Some(who) = credentials(process.pid) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == who) {
            Some((_, list)) => list.push(index),
            None => groups.push((who, vec![index])),
        }
    }
    for (who, list) in groups {
        let members = list.iter().filter_map(|&index| processes.get(index));
        let paths: Result<Vec<CString>, Errno> = members.map(|process| process.task().program_link()).collect();
        let Ok(answers) = paths.and_then(|paths| ask(&who, &paths)) else { continue };
        for (index, answer) in list.into_iter().zip(answers) {
            if let Some(program) = programs.get_mut(index) {
                *program = answer;
            }
        }
    }
}

/// The credentials of a process. `None` if its real, effective and saved ids differ: the kernel would not take the
/// child for the same user.
fn credentials(pid: u32) -> Option<Credentials> {
    let status = Task::Process(pid).status().ok()?;
    let alike = |[real, effective, saved, _]: [u32; 4]| (real == effective && real == saved).then_some(real);
    Some(Credentials {
        uid: status.uid.and_then(alike)?,
        gid: status.gid.and_then(alike)?,
        groups: status.groups.unwrap_or_default(),
    })
}

/// The file that each path leads to for `who`. There are fewer answers than paths if the child failed or was stopped.
fn ask(who: &Credentials, paths: &[CString]) -> Result<Vec<Result<Seen, Errno>>, Errno> {
    let (answers, pipe) = pipe2(OFlag::O_CLOEXEC)?;
    let child = Pid::from_raw(fork_to_stat(who, paths, pipe.as_fd())?);
    drop(pipe);
    let (bytes, ended) = receive(&answers);
    if !ended {
        // A process of the child's new user has stopped it.
        let _ = kill(child, Signal::SIGKILL);
    }
    let _ = waitpid(child, None);
    Ok(bytes.chunks_exact(STAT_RECORD).filter_map(parse).collect())
}

/// The bytes from the pipe, and whether its other end was closed in time.
fn receive(answers: &OwnedFd) -> (Vec<u8>, bool) {
    let deadline = Deadline::after(PATIENCE);
    let mut bytes = Vec::new();
    let mut buffer = [0; 32 * STAT_RECORD];
    loop {
        let mut ready = [PollFd::new(answers.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(deadline.remaining()).unwrap_or(PollTimeout::ZERO);
        match poll(&mut ready, patience) {
            Err(Errno::EINTR) => continue,
            Ok(0) | Err(_) => return (bytes, false),
            Ok(_) => {}
        }
        match nix::unistd::read(answers, &mut buffer) {
            Ok(0) => return (bytes, true),
            Ok(read) => bytes.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(_) => return (bytes, false),
        }
    }
}

fn parse(record: &[u8]) -> Option<Result<Seen, Errno>> {
    let (numbers, text) = record.split_at_checked(STAT_NUMBERS)?;
    let mut numbers = numbers.chunks_exact(8).map(|part| part.try_into().map_or(0, u64::from_ne_bytes));
    let (errno, dev, ino) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let (seconds, nanoseconds) =
        (i64::from_ne_bytes(numbers.next()?.to_ne_bytes()), u32::try_from(numbers.next()?).unwrap_or(0));
    let path = usize::try_from(numbers.next()?).ok().and_then(|length| text.get(..length)).unwrap_or_default().to_vec();
    Some(match i32::try_from(errno) {
        Ok(0) => Ok(Seen { id: Identity { dev, ino }, changed: Time { seconds, nanoseconds }, path }),
        errno => Err(Errno::from_raw(errno.unwrap_or(nix::libc::EIO))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let record = |numbers: [u64; 6]| [numbers.map(u64::to_ne_bytes).concat(), b"/x.....".to_vec()].concat();
        let changed = Time { seconds: -1, nanoseconds: 9 };
        let seen = Seen { id: Identity { dev: 7, ino: 8 }, changed, path: b"/x".to_vec() };
        assert_eq!(parse(&record([0, 7, 8, u64::MAX, 9, 2])), Some(Ok(seen)));
        assert_eq!(parse(&record([13, 0, 0, 0, 0, 0])), Some(Err(Errno::EACCES)));
        assert_eq!(parse(b"short"), None);
    }

    #[test]
    fn a_child_that_says_nothing_is_not_waited_for() {
        let (answers, pipe) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let start = std::time::Instant::now();
        assert_eq!(receive(&answers), (vec![], false));
        assert!(start.elapsed() >= PATIENCE * 9 / 10);
        nix::unistd::write(&pipe, &[7; 1000]).unwrap();
        drop(pipe);
        assert_eq!(receive(&answers), (vec![7; 1000], true), "one that has ended");
    }

    #[test]
    fn a_child_as_oneself_sees_what_this_process_sees() {
        use std::os::unix::fs::MetadataExt;
        let (uid, gid) = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
        let me = credentials(std::process::id()).unwrap();
        assert_eq!((me.uid, me.gid), (uid, gid));
        let mut paths = vec![c"/proc/self/fd/0".to_owned(), c"/".to_owned(), c"/nowhere".to_owned()];
        paths.extend((1..30).map(|fd| CString::new(format!("/proc/self/fd/{fd}")).unwrap()));
        let answers = ask(&me, &paths).unwrap();
        // setgroups(2) needs a privilege that the tests do not have everywhere.
        if answers.is_empty() {
            assert_ne!(uid, 0);
            return;
        }
        let slash = std::fs::metadata("/").unwrap();
        assert_eq!(answers[1].as_ref().unwrap().id, Identity { dev: slash.dev(), ino: slash.ino() });
        assert_eq!(answers[1].as_ref().unwrap().changed.seconds, slash.ctime());
        assert_eq!(answers[2], Err(Errno::ENOENT));
        assert!(!answers[0].as_ref().unwrap().path.is_empty(), "a magic link");
        assert!(answers[0].is_ok(), "the pipe");
        assert!(answers[3..].iter().all(|answer| *answer == Err(Errno::ENOENT)), "and nothing else: {answers:?}");
        assert_eq!(answers.len(), paths.len());
    }
}
