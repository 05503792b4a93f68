//! What must never be deleted: lithify itself, what the app runs, and what kept programs need to start. Reads only.

use std::collections::{HashMap, HashSet};

use nix::errno::Errno;

use crate::command_line::{CommandLine, Need, Role, needs_of};
use crate::escape::escape;
use crate::needs;
use crate::processes::{self, App, Process, ProcessError, Program, may_run};
use crate::root::{Identity, Root};

/// Why it cannot be told which libraries the app uses.
#[derive(Debug, thiserror::Error)]
#[error("process {pid} ({}) belongs to the app, and which libraries it has loaded cannot be read from /proc/{pid}/maps ({}): removing libraries might break it", escape(comm), errno.desc())]
pub struct LoadedError {
    /// The process.
    pub pid: u32,
    /// Its command name.
    pub comm: Vec<u8>,
    /// The kernel's reason.
    pub errno: Errno,
}

/// For whom a file is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// lithify itself.
    Lithify,
    /// Every program: a shared library or the loader.
    Library,
    /// A process that runs.
    Process,
    /// What `[keep]` names.
    Kept,
    /// The command that is to be run; `passes` for what it needs only until it is up, such as the shell of its script.
    Command {
        /// Whether it needs it only to start.
        passes: bool,
    },
    /// What the container will start; `script` for a shell and its script.
    App {
        /// Whether it could do without if the program itself were started.
        script: bool,
    },
}

/// Why a file is protected.
#[derive(Clone, Debug)]
pub struct Reason {
    /// In words.
    pub text: String,
    /// For whom.
    pub by: For,
    /// The path that `[keep] paths` has to name, where that is not the file's own: as the command says it, so that the
    /// links on the way are kept, too.
    pub keep: Option<Vec<u8>>,
}

/// Whose command line something is needed by.
#[derive(Clone, Copy, Debug)]
pub enum Starter<'a> {
    /// `run`, which is about to start it.
    Run {
        /// It is said that the app is started by scripts, of whatever interpreter.
        by_scripts: bool,
    },
    /// Somebody, some day; where that is said.
    Later(&'a str),
}

/// Files that are protected, each with the reason.
#[derive(Debug, Default)]
pub struct Protection {
    files: HashMap<Identity, Reason>,
    /// lithify itself.
    own: Option<Identity>,
    /// Programs of processes whose files we may not read, by name.
    names: Vec<(Vec<u8>, Reason)>,
    /// Programs whose libraries stay, with what they need to start: paths inside the root.
    programs: Vec<Vec<u8>>,
    /// Libraries that the app's processes have loaded, each with the process.
    loaded: HashMap<Identity, String>,
    /// Names of the programs of `[keep]`.
    kept_names: HashSet<Vec<u8>>,
    /// Programs that processes other than the app's run: deleted, and noted.
    others: HashMap<Identity, String>,
}

impl Reason {
    fn new(text: String, by: For) -> Self {
        Self { text, by, keep: None }
    }
}

impl Protection {
    /// Protects lithify itself and the programs of the app.
    pub fn of_running(app: &App) -> Result<Self, ProcessError> {
        let mut protection = Self::of_waited_for(app)?;
        // A worker that changed its user runs what its master does, whose program can be read. A process may call itself
        // anything, but its parent is its parent.
        let mut known: HashMap<u32, &[u8]> = HashMap::new();
        let readable = |process: &&Process| matches!(process.program, Program::Known(_));
        known.extend(app.processes().filter(readable).map(|process| (process.pid, process.comm.as_slice())));
        for process in app.processes() {
            let first = app.first.as_ref().is_some_and(|first| first.pid == process.pid);
            let role = if first { "the container's first" } else { "a descendant of the container's first" };
            match &process.program {
                Program::Known(id) => {
                    protection.add(*id, Reason::new(format!("{}, {role}, runs it", who(process)), For::Process));
                }
                Program::Names(_) if known.get(&process.parent) == Some(&process.comm.as_slice()) => {
                    known.insert(process.pid, &process.comm);
                }
                Program::Names(names) => {
                    let text = format!(
                        "{} seems to run it: its program cannot be read (CAP_SYS_PTRACE), only its name is known",
                        who(process)
                    );
                    let reason = Reason::new(text, For::Process);
                    protection.names.extend(names.iter().map(|name| (name.clone(), reason.clone())));
                }
                Program::None => {}
            }
        }
        Ok(protection)
    }

    /// Protects lithify itself only, for an app that is waited for until it runs nothing that goes ([`crate::wait`]).
    pub fn of_waited_for(app: &App) -> Result<Self, ProcessError> {
        let mut protection = Self::default();
        let own = processes::own_program()?;
        protection.own = Some(own);
        protection.add(own, Reason::new("it is lithify itself".to_owned(), For::Lithify));
        for process in &app.others {
            if let Program::Known(id) = process.program {
                protection.others.entry(id).or_insert_with(|| who(process));
            }
        }
        Ok(protection)
    }

    /// Protects what the programs of `[keep]` need to start: their ELF interpreter or `#!` line, and that one's.
    pub fn add_needs_of_kept(&mut self, root: &Root, search: &[&str], kept: &[(Vec<u8>, String)]) {
        for (path, entry) in kept {
            let needs = needs_of(root, path, search);
            let because = format!("[keep] {entry}:");
            self.programs.extend(needs.iter().map(|need| need.path.clone()));
            for index in 1..needs.len() {
                self.add_need(root, &needs, index, &because, For::Kept);
            }
        }
        let base = |path: &Vec<u8>| path.rsplit(|&byte| byte == b'/').next().unwrap_or_default().to_vec();
        let there = kept.iter().map(|(path, _)| path).filter(|path| root.resolve(path).is_ok());
        self.kept_names = there.map(base).collect();
    }

    /// Protects the libraries that the container's first process and its descendants have loaded from `root`. Where a
    /// process's memory map cannot be read, its program must be one of `[keep]`, whose libraries stay anyway: servers'
    /// workers, which change their user, are like that. A tree that is not our own root directory is not what they run in.
    pub fn add_loaded(&mut self, root: &Root, app: &App) -> Result<(), LoadedError> {
        let own = std::process::id();
        let elsewhere = processes::own_root().is_ok_and(|id| id != root.stat().id);
        for process in app.processes().filter(|process| process.pid != own) {
            let kept = || match &process.program {
                Program::Names(names) => names.iter().any(|name| self.kept_names.contains(name)),
                Program::Known(id) => {
                    self.programs.iter().any(|path| root.resolve(path).is_ok_and(|stat| stat.id == *id))
                }
                Program::None => true,
            };
            let files = match processes::mapped(process.pid, root.stat().id) {
                Ok(files) => files,
                Err(Errno::ENOENT | Errno::ESRCH) => continue,
                Err(_) if elsewhere || kept() => continue,
                Err(errno) => return Err(LoadedError { pid: process.pid, comm: process.comm.clone(), errno }),
            };
            let reason = format!("process {} ({}) of the app has loaded it", process.pid, escape(&process.comm));
            for mapped in files {
                self.loaded.entry(mapped.id).or_insert_with(|| reason.clone());
                // On overlayfs, older kernels show the layer's file, not the one that we see.
                if let Some(stat) = mapped.path.and_then(|path| root.resolve(&path).ok()) {
                    self.loaded.entry(stat.id).or_insert_with(|| reason.clone());
                }
            }
        }
        Ok(())
    }

    /// The programs whose libraries stay: those of `[keep]`, the command to be run, and what these need to start.
    pub fn programs(&self) -> &[Vec<u8>] {
        &self.programs
    }

    /// The files that the app's processes have mapped, each with the reason.
    pub fn loaded(&self) -> &HashMap<Identity, String> {
        &self.loaded
    }

    /// Whether `[keep]` saves a program of this name: where a process is known by its name only, that is what it runs.
    pub fn is_kept_name(&self, name: &[u8]) -> bool {
        self.kept_names.contains(name)
    }

    /// Protects what a command line needs to start. Returns what it names and what is not there.
    pub fn add_command(
        &mut self,
        root: &Root,
        search: &[&str],
        line: &CommandLine,
        starter: Starter<'_>,
    ) -> Vec<String> {
        let because = match starter {
            Starter::Run { .. } => "the command to be run,".to_owned(),
            Starter::Later(said) => format!("the app ({said}),"),
        };
        let resolved = line.resolve(root, search);
        // What is needed to the last comes first: it may be needed to start, too.
        for wanted in [true, false] {
            for (index, need) in resolved.needs.iter().enumerate() {
                let called = need.by.is_some_and(|(_, how)| how == needs::Role::Called);
                let script = called || matches!(need.role, Role::Shell | Role::ShellScript);
                let passes = match need.role {
                    Role::Interpreter | Role::Script => matches!(starter, Starter::Run { by_scripts: true }),
                    role => script || role == Role::Launcher,
                };
                let lasts = need.lasts && !passes;
                let by = match starter {
                    Starter::Run { .. } => For::Command { passes: !lasts },
                    Starter::Later(_) => For::App { script },
                };
                // What the script of `run` calls is the profile's to decide: nobody can tell whether it can do without.
                if lasts == wanted && !(called && matches!(starter, Starter::Run { .. })) {
                    self.programs.push(need.path.clone());
                    self.add_need(root, &resolved.needs, index, &because, by);
                }
            }
        }
        resolved.missing
    }

    /// Protects what the container's first process was started by, beside its program: the links that lead there, and for
    /// an interpreter its script. Not what a shell needed for a script that led here. Whether there is anything.
    pub fn add_first(&mut self, root: &Root, search: &[&str], app: &App) -> bool {
        let Some((first, needs, program)) = first_command(root, search, app) else { return false };
        // Where its program is not known, every file of its name is protected already.
        let Program::Known(id) = first.program else { return false };
        if let Some(reason) = self.files.get_mut(&id) {
            reason.keep.get_or_insert_with(|| program.clone());
        }
        // Where PATH cannot be read, programs of its name that it is not were found, too.
        let another = |need: &Need| {
            let name = |path: &[u8]| path.rsplit(|&byte| byte == b'/').next().map(<[u8]>::to_vec);
            need.by.is_none() && need.path != program && name(&need.path) == name(&program)
        };
        let because = format!("the command line of {}, the container's first,", who(first));
        for (index, need) in needs.iter().enumerate() {
            let passed = matches!(need.role, Role::Shell | Role::ShellScript)
                || need.role == Role::Launcher && need.by.is_none();
            if need.lasts && !passed && !another(need) {
                self.add_need(root, &needs, index, &because, For::Process);
            }
        }
        true
    }

    /// Protects one of `needs`, with the links that lead there.
    fn add_need(&mut self, root: &Root, needs: &[Need], index: usize, because: &str, by: For) {
        let Some(need) = needs.get(index) else { return };
        let Ok(place) = root.walk(b"", &need.path, true) else { return };
        let chain = chain(needs, index, because);
        let reason = |text: String| Reason { text, by, keep: Some(need.path.clone()) };
        for link in &place.links {
            let and = if need.by.is_some() { ", and that path" } else { "" };
            self.add(link.stat.id, reason(format!("{chain}{and} leads through it")));
        }
        let text = if need.by.is_none() { format!("it is {chain}") } else { chain };
        self.add(place.stat.id, reason(text));
    }

    /// Whether the file or link `id` is needed as long as the command that is to be run runs.
    pub fn is_command(&self, id: Identity) -> bool {
        self.files.get(&id).is_some_and(|reason| reason.by == For::Command { passes: false })
    }

    /// Whether the file or link `id` is protected only for the start of the command that is to be run.
    pub fn passes(&self, id: Identity) -> bool {
        self.files.get(&id).is_some_and(|reason| reason.by == For::Command { passes: true })
    }

    fn add(&mut self, id: Identity, reason: Reason) {
        self.files.entry(id).or_insert(reason);
    }

    /// Why the file or link `id`, called `name`, must stay.
    pub fn reason(&self, id: Identity, name: &[u8]) -> Option<&Reason> {
        if let Some(reason) = self.files.get(&id) {
            return Some(reason);
        }
        self.names.iter().find(|(known, _)| !self.is_kept_name(known) && may_run(known, name)).map(|(_, reason)| reason)
    }

    /// Whether the file `id` is lithify itself.
    pub fn is_lithify(&self, id: Identity) -> bool {
        self.own == Some(id)
    }

    /// The process outside the app, if any, that runs `id`.
    pub fn other_user(&self, id: Identity) -> Option<&str> {
        self.others.get(&id).map(String::as_str)
    }
}

fn who(process: &Process) -> String {
    format!("process {} ({})", process.pid, escape(&process.comm))
}

/// What the first process was started by, with its program as its command line calls it.
pub fn first_command<'a>(root: &Root, search: &[&str], app: &'a App) -> Option<(&'a Process, Vec<Need>, Vec<u8>)> {
    let first = app.first.as_ref().filter(|first| first.pid != std::process::id())?;
    let needs = processes::command_line(first.pid)?.resolve(root, search).needs;
    // A process may call itself anything; where its program is known, only what leads there is its command.
    let leads_there = |need: &&Need| match first.program {
        Program::Known(id) => root.resolve(&need.path).is_ok_and(|stat| stat.id == id),
        _ => true,
    };
    let program = needs.iter().filter(|need| need.by.is_none()).find(leads_there)?.path.clone();
    Some((first, needs, program))
}

/// Why one of `needs` is needed, from the command on.
fn chain(needs: &[Need], index: usize, because: &str) -> String {
    let Some(need) = needs.get(index) else { return String::new() };
    let path = escape(&need.path);
    match need.by {
        None => format!("{because} {path}"),
        Some((by, role)) => {
            let which = if needs.get(by).is_some_and(|by| by.by.is_some()) { ", which" } else { "" };
            format!("{}{which} needs {path} as {}", chain(needs, by, because), role.text())
        }
    }
}
