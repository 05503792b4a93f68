//! The command line of a process, as the process itself gives it. A process can write anything there.

use crate::linux::proc::Task;
use crate::recognise::command_line::CommandLine;

/// The command line of process `pid`, its `PATH` and its working directory. `None` if the arguments cannot be read; the
/// `PATH` is left out and the directory is `/` if these cannot be read.
pub fn command_line(pid: u32) -> Option<CommandLine> {
    let task = Task::Process(pid);
    let mut words = task.arguments().ok()?;
    if words.last() == Some(&0) {
        words.pop();
    }
    let words = words.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let environment = task.environment().unwrap_or_default();
    let path = environment.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(b"PATH="));
    let directory = task.working_directory().unwrap_or_else(|| b"/".to_vec());
    Some(CommandLine {
        words,
        path: path.map(|path| String::from_utf8_lossy(path).into_owned()),
        directory: String::from_utf8_lossy(&directory).into_owned(),
        running: true,
    })
}
