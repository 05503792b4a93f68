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
use crate::linux::proc::Task;
use crate::linux::proc::processes::{Process, Program};
use crate::linux::sys::stat_as::{Credentials, STAT_RECORD, fork_to_stat};

/// How long a child may take: processes of its new user could stop it.
const PATIENCE: Duration = Duration::from_millis(500);

/// Fills in the programs that this user may not read but a child can. Starts one child for each set of credentials.
pub(super) fn read<'p>(processes: impl Iterator<Item = &'p mut Process>) {
    let mut groups: Vec<(Credentials, Vec<&mut Process>)> = Vec::new();
    for process in processes.filter(|process| matches!(process.program, Program::Unreadable { .. })) {
        let Some(who) = credentials(process.pid) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == who) {
            Some((_, list)) => list.push(process),
            None => groups.push((who, vec![process])),
        }
    }
    for (who, list) in groups {
        let paths: Result<Vec<CString>, Errno> = list.iter().map(|process| process.task().program_path()).collect();
        let Ok(programs) = paths.and_then(|paths| ask(&who, &paths)) else { continue };
        for (process, program) in list.into_iter().zip(programs) {
            match program {
                Ok(id) => process.program = Program::Known(id),
                Err(Errno::ENOENT | Errno::ESRCH) => process.program = Program::None,
                Err(_) => {}
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
fn ask(who: &Credentials, paths: &[CString]) -> Result<Vec<Result<Identity, Errno>>, Errno> {
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

fn parse(record: &[u8]) -> Option<Result<Identity, Errno>> {
    let mut numbers = record.chunks_exact(8).map(|part| part.try_into().map_or(0, u64::from_ne_bytes));
    let (errno, dev, ino) = (numbers.next()?, numbers.next()?, numbers.next()?);
    Some(match i32::try_from(errno) {
        Ok(0) => Ok(Identity { dev, ino }),
        errno => Err(Errno::from_raw(errno.unwrap_or(nix::libc::EIO))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let record = |numbers: [u64; 3]| numbers.map(u64::to_ne_bytes).concat();
        assert_eq!(parse(&record([0, 7, 8])), Some(Ok(Identity { dev: 7, ino: 8 })));
        assert_eq!(parse(&record([13, 0, 0])), Some(Err(Errno::EACCES)));
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
        assert_eq!(answers[1], Ok(Identity { dev: slash.dev(), ino: slash.ino() }));
        assert_eq!(answers[2], Err(Errno::ENOENT));
        assert!(answers[0].is_ok(), "the pipe");
        assert!(answers[3..].iter().all(|answer| *answer == Err(Errno::ENOENT)), "and nothing else: {answers:?}");
        assert_eq!(answers.len(), paths.len());
    }
}
