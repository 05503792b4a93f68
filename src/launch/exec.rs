//! Becomes the app, with its program, arguments, environment and descriptors, and nothing of lithify's own.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::linux::sys;
use crate::recognise::search_path::DEFAULT_PATH;
use crate::text::escape::escape;

/// The app to start.
#[derive(Debug)]
pub struct AppCommand {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    descriptors: Descriptors,
    /// The app gets the signal mask and the ignored signals that lithify got.
    inherits_signals: bool,
    /// The process that this is now. The variables that name it must name the app's.
    own: u32,
}

/// Which descriptors from 3 upwards the app gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Descriptors {
    None,
    /// All that lithify inherited.
    All,
    /// This many sockets from 3 on, handed over as `sd_listen_fds(3)` describes.
    Listen(u32),
}

/// Why the app's program cannot be executed.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {}: {}", escape(name), self.reason())]
pub struct StartError {
    /// The name as given.
    name: Vec<u8>,
    /// Whether a file has this path.
    is_there: bool,
    /// The kernel's reason.
    pub errno: Errno,
}

impl StartError {
    /// The error of starting `name`, which is a path or a name to search `PATH` for.
    fn new(name: &OsStr, errno: Errno) -> Self {
        let is_there = name.as_bytes().contains(&b'/') && Path::new(name).exists();
        Self { name: name.as_bytes().to_vec(), is_there, errno }
    }

    /// Whether there is no such program. If `false`, the program exists but cannot be executed.
    pub fn is_not_found(&self) -> bool {
        self.errno == Errno::ENOENT && !self.is_there
    }

    fn reason(&self) -> &'static str {
        match self.errno {
            Errno::ENOENT if self.is_there => "its interpreter (the #! line or the ELF loader) does not exist",
            Errno::ENOENT => "not found",
            Errno::EACCES => "permission denied: not executable for this user, or on a noexec mount",
            Errno::ENOEXEC => {
                "neither a program of this machine nor a script with a #! line, and there is no /bin/sh to read it"
            }
            errno => errno.desc(),
        }
    }
}

impl AppCommand {
    /// Looks the command up in `PATH`, as execvp(3) does, and takes over the environment. With `keep_descriptors`, the
    /// app gets every descriptor that lithify inherited. Else it gets only the sockets that `LISTEN_FDS` counts, if
    /// they are meant for this process. Fails if the program is not found or is not executable.
    pub fn new(command: &[OsString], keep_descriptors: bool) -> Result<Self, StartError> {
        let name = command.first().map(OsString::as_os_str).unwrap_or_default();
        Self::look_up(name, command, keep_descriptors).map_err(|errno| StartError::new(name, errno))
    }

    fn look_up(name: &OsStr, command: &[OsString], keep_descriptors: bool) -> Result<Self, Errno> {
        let arguments = command.iter().map(|argument| c_string(argument.as_bytes())).collect::<Result<_, _>>()?;
        let descriptors = match listen_descriptors(std::process::id()) {
            _ if keep_descriptors => Descriptors::All,
            Some(count) => Descriptors::Listen(count),
            None => Descriptors::None,
        };
        Ok(Self {
            program: find(name)?,
            arguments,
            environment: sys::program::environment(),
            descriptors,
            inherits_signals: false,
            own: std::process::id(),
        })
    }

    /// The app gets the signal mask that lithify got, and ignores what lithify was started to ignore.
    pub fn inherit_signals(&mut self) {
        self.inherits_signals = true;
    }

    /// Absolute path of its program.
    pub fn program(&self) -> PathBuf {
        let path = Path::new(OsStr::from_bytes(self.program.as_bytes()));
        std::env::current_dir().unwrap_or_else(|_| "/".into()).join(path)
    }

    /// Sets a variable of its environment. Fails if the value holds a NUL.
    pub fn set_variable(&mut self, name: &str, value: &[u8]) -> Result<(), StartError> {
        let start = [name.as_bytes(), b"="].concat();
        self.environment.retain(|entry| !entry.as_bytes().starts_with(&start));
        let variable = c_string(&[start.as_slice(), value].concat()).map_err(|errno| self.failed(errno))?;
        self.environment.push(variable);
        Ok(())
    }

    fn failed(&self, errno: Errno) -> StartError {
        let name = self.arguments.first().map(CString::as_bytes).unwrap_or_default();
        StartError::new(OsStr::from_bytes(name), errno)
    }

    /// Replaces this process with the app, with every signal unblocked and at its default action. Returns only if that
    /// fails.
    pub fn execute(mut self) -> StartError {
        // Every descriptor of lithify's own is close-on-exec from the start. If the inherited ones cannot be marked so
        // (close_range is refused, and there is no /proc), they stay open, as with any other program.
        let _ = match self.descriptors {
            Descriptors::All => Ok(()),
            Descriptors::None => sys::descriptor::close_on_exec_from(3),
            Descriptors::Listen(count) => sys::descriptor::close_on_exec_from(3u32.saturating_add(count)),
        };
        // With --init, the app is not the process that the sockets and the watchdog were meant for. What names another
        // process stays.
        if listen_descriptors(self.own).is_some() {
            self.name_app("LISTEN_PID");
            self.environment.retain(|entry| !entry.as_bytes().starts_with(b"LISTEN_PIDFDID="));
        }
        if number("WATCHDOG_PID") == Some(self.own) {
            self.name_app("WATCHDOG_PID");
        }
        let signals = if self.inherits_signals { sys::start::restore_signals() } else { sys::signal::reset_all() };
        let Err(mut errno) =
            signals.and_then(|()| nix::unistd::execve(&self.program, &self.arguments, &self.environment));
        if errno == Errno::ENOEXEC && !self.is_elf() {
            errno = self.execute_by_shell();
        }
        self.failed(errno)
    }

    /// Makes a variable name this process, which becomes the app.
    fn name_app(&mut self, variable: &str) {
        let _ = self.set_variable(variable, std::process::id().to_string().as_bytes());
    }

    /// Whether it is a program of another machine. A shell would read that as text.
    fn is_elf(&self) -> bool {
        let mut start = [0; 4];
        let file = std::fs::File::open(OsStr::from_bytes(self.program.as_bytes()));
        file.and_then(|file| file.read_exact_at(&mut start, 0)).is_ok() && start == *b"\x7fELF"
    }

    /// Lets `/bin/sh` read the file, as execvp(3) does with a file that the kernel does not know. Returns only if that
    /// fails.
    fn execute_by_shell(&self) -> Errno {
        let shell = c"/bin/sh";
        let mut arguments = vec![shell.to_owned(), self.program.clone()];
        arguments.extend(self.arguments.iter().skip(1).cloned());
        let Err(errno) = nix::unistd::execve(shell, &arguments, &self.environment);
        if errno == Errno::ENOENT { Errno::ENOEXEC } else { errno }
    }
}

/// `LISTEN_FDS`, if `LISTEN_PID` names the process `own` or is not set.
fn listen_descriptors(own: u32) -> Option<u32> {
    let meant = std::env::var_os("LISTEN_PID").is_none() || number("LISTEN_PID") == Some(own);
    number("LISTEN_FDS").filter(|_| meant)
}

/// The number that a variable holds.
fn number(variable: &str) -> Option<u32> {
    std::env::var(variable).ok()?.parse().ok()
}

fn c_string(bytes: &[u8]) -> Result<CString, Errno> {
    CString::new(bytes).map_err(|_| Errno::EINVAL)
}

fn find(name: &OsStr) -> Result<CString, Errno> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Err(Errno::ENOENT);
    }
    if bytes.contains(&b'/') {
        return c_string(bytes);
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut denied = false;
    for directory in std::env::split_paths(&path) {
        let candidate = directory.join(name);
        let c = c_string(candidate.as_os_str().as_bytes())?;
        if !candidate.is_file() {
            continue;
        }
        match nix::unistd::access(c.as_c_str(), nix::unistd::AccessFlags::X_OK) {
            Ok(()) => return Ok(c),
            Err(_) => denied = true,
        }
    }
    Err(if denied { Errno::EACCES } else { Errno::ENOENT })
}
