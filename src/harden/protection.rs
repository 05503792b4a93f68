//! What must never be deleted: lithify itself, what the app runs, and what kept programs need to start. Reads only.

use std::collections::HashMap;
use std::rc::Rc;

use nix::errno::Errno;

use crate::harden::found::Found;
use crate::linux::proc;
use crate::linux::proc::processes::{Process, Program};
use crate::profile::Profile;
use crate::recognise::command_line::{CommandLine, Need, Role, needs_of};
use crate::recognise::needs;
use crate::root::{Canonical, Identity, InRoot, Kind, Root};
use crate::target::app::App;
use crate::target::candidates::{Candidates, Certainty};
use crate::target::command_line::command_line;
use crate::target::processes::ProcessError;
use crate::text::escape::escape;

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
    /// A process that is a shell, and so mostly a script that starts the app.
    Script,
    /// A process of which nothing is known.
    Unreadable,
    /// What `[keep]` names.
    Kept,
    /// A script that `[keep]` names, for its shell.
    KeptScript,
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
    /// The program of the container's first process.
    first: Option<Identity>,
    /// Processes of the app whose programs cannot be read, until it is known what is to go.
    unreadable: Vec<(Process, &'static str)>,
    /// Programs whose libraries stay, with what they need to start: paths inside the root.
    programs: Vec<Vec<u8>>,
    /// Libraries that the app's processes have loaded, each with the process.
    loaded: HashMap<Identity, String>,
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
        for process in app.processes() {
            let first = app.first.as_ref().is_some_and(|first| first.pid == process.pid);
            let role = if first { FIRST } else { DESCENDANT };
            match &process.program {
                Program::Known(id) => {
                    protection.add(*id, Reason::new(format!("{}, {role}, runs it", who(process)), For::Process));
                }
                Program::Unreadable { .. } => protection.unreadable.push((process.clone(), role)),
                Program::None => {}
            }
        }
        Ok(protection)
    }

    /// Protects lithify itself only, for an app that is waited for until it runs nothing that goes ([`crate::harden::wait`]).
    pub fn of_waited_for(app: &App) -> Result<Self, ProcessError> {
        let mut protection = Self::default();
        let own = proc::own_program()?;
        protection.own = Some(own);
        if let Some(Program::Known(id)) = app.first.as_ref().map(|first| &first.program) {
            protection.first = Some(*id);
        }
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
    }

    /// Protects, of the files that are to go, what a process of the app may run whose program cannot be read. What
    /// `[keep]` saves is not among them; it matters only where it is that process's program.
    pub fn add_unreadable(&mut self, root: &Root, profile: &Profile, found: &[Rc<Found>]) {
        let unreadable = std::mem::take(&mut self.unreadable);
        if unreadable.is_empty() {
            return;
        }
        let programs =
            found.iter().filter(|found| found.stat.is_executable()).map(|found| (found.stat.id, found.path()));
        let candidates = Candidates::new(root, profile, &self.programs, programs.collect());
        for (process, role) in &unreadable {
            for (id, certainty) in candidates.of(process) {
                let by = if certainty == Certainty::Possible { For::Unreadable } else { For::Process };
                let (text, keep) = (seems_to_run(process, role, certainty), candidates.called(process, id));
                self.add(id, Reason { text, by, keep: keep.map(Canonical::into_bytes) });
            }
        }
    }

    /// Protects the libraries that the container's first process and its descendants have loaded from `root`. Where a
    /// process's memory map cannot be read, its program must be one of `[keep]`, whose libraries stay anyway: servers'
    /// workers, which change their user, are like that. A tree that is not our own root directory is not what they run in.
    pub fn add_loaded(&mut self, root: &Root, profile: &Profile, app: &App) -> Result<(), LoadedError> {
        let own = std::process::id();
        let candidates = Candidates::new(root, profile, &self.programs, Vec::new());
        let elsewhere = proc::own_root().is_ok_and(|id| id != root.stat().id);
        for process in app.processes().filter(|process| process.pid != own) {
            let kept = || {
                let program = match process.program {
                    Program::Known(id) => Some(id),
                    Program::Unreadable { .. } => candidates.program(process),
                    Program::None => return true,
                };
                self.programs.iter().any(|path| root.resolve(path).is_ok_and(|stat| Some(stat.id) == program))
            };
            let files = match process.mappings(root.stat().id) {
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

    /// Protects what each process of the app was started by: [`Self::add_started`].
    pub fn add_all_started(&mut self, root: &Root, profile: &Profile, app: &App) {
        self.add_first(root, profile, app);
        let mut known = Vec::new();
        for process in &app.descendants {
            let Some(line) = command_line(process.pid) else { continue };
            // Workers are called as their master.
            if !known.contains(&line.words) {
                known.push(line.words.clone());
                self.add_started(root, profile, process, &line, DESCENDANT);
            }
        }
    }

    /// Protects what the container's first process was started by. Whether there is anything.
    pub fn add_first(&mut self, root: &Root, profile: &Profile, app: &App) -> bool {
        let Some(first) = app.first.as_ref().filter(|first| first.pid != std::process::id()) else { return false };
        let line = command_line(first.pid);
        let told = line.is_some_and(|line| self.add_started(root, profile, first, &line, FIRST));
        if let (false, Program::Known(id)) = (told, &first.program) {
            self.add_links(root, profile, first, *id);
        }
        told
    }

    /// Protects every link to the program of the container's first process: one that has put a title of its own in place
    /// of its command line may have been started by any of them.
    fn add_links(&mut self, root: &Root, profile: &Profile, first: &Process, program: Identity) {
        let text = format!(
            "it leads to what {}, {FIRST}, runs, whose command line does not say by which name it was started",
            who(first)
        );
        for directory in profile.search() {
            let mut links = Vec::new();
            // What cannot be listed is a finding of the survey.
            let _ = root.directory_at(directory.as_bytes()).and_then(|directory| {
                directory.list(&mut |listed| {
                    if let Ok((name, Kind::Symlink)) = listed {
                        links.push(directory.join(name));
                    }
                    Ok(())
                })
            });
            for path in links {
                let Ok(place) = root.walk(&path, true) else { continue };
                for link in place.links.iter().filter(|_| place.stat.id == program) {
                    let keep = Some(path.to_vec());
                    self.add(link.stat.id, Reason { text: text.clone(), by: For::Process, keep });
                }
            }
        }
    }

    /// Protects what a process was started by, beside its program: the links that lead there, and for an interpreter its
    /// script. Not what a shell needed for a script that led here. Whether there is anything.
    fn add_started(
        &mut self,
        root: &Root,
        profile: &Profile,
        process: &Process,
        line: &CommandLine,
        role: &str,
    ) -> bool {
        let id = match process.program {
            _ if process.pid == std::process::id() => None,
            Program::Known(id) => Some(id),
            Program::Unreadable { .. } => Candidates::new(root, profile, &self.programs, Vec::new()).program(process),
            Program::None => None,
        };
        let Some(id) = id else { return false };
        let needs = line.resolve(root, &profile.search()).needs;
        // A process may call itself anything: only what leads to its program is its command.
        let leads_there = |need: &&Need| need.by.is_none() && root.resolve(&need.path).is_ok_and(|stat| stat.id == id);
        let Some(program) = needs.iter().find(leads_there).map(|need| need.path.clone()) else { return false };
        if matches!(process.program, Program::Unreadable { .. }) {
            self.add(id, Reason::new(seems_to_run(process, role, Certainty::Named), For::Process));
        }
        if let Some(reason) = self.files.get_mut(&id) {
            reason.keep.get_or_insert_with(|| program.clone());
        }
        // Where PATH cannot be read, programs of its name that it is not were found, too.
        let another = |need: &Need| {
            need.by.is_none() && need.path != program && InRoot(&need.path).name() == InRoot(&program).name()
        };
        let because = format!("the command line of {}, {role},", who(process));
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
        let Ok(place) = root.walk(&need.path, true) else { return };
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

    /// Why the file or link `id` must stay.
    pub fn reason(&self, id: Identity) -> Option<&Reason> {
        self.files.get(&id)
    }

    /// Whether the app is started by the file `id`: it is what the container's first process runs, or what a command
    /// line of the app is or needs.
    pub fn starts_app(&self, id: Identity) -> bool {
        let command = |reason: &Reason| matches!(reason.by, For::Command { .. } | For::App { .. });
        self.first == Some(id) || self.files.get(&id).is_some_and(command)
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

/// What process 1 is, mostly.
const FIRST: &str = "the container's first";
const DESCENDANT: &str = "a descendant of the container's first";

/// Why a file is protected for a process whose program cannot be read.
fn seems_to_run(process: &Process, role: &str, certainty: Certainty) -> String {
    let (runs, why) = if certainty == Certainty::Possible {
        ("may run it", "there is no program that it is called by, and the size of its code fits")
    } else {
        ("seems to run it", "what can be seen of it fits")
    };
    format!("{}, {role}, {runs}: its program cannot be read (CAP_SYS_PTRACE), and {why}", who(process))
}

fn who(process: &Process) -> String {
    format!("process {} ({})", process.pid, escape(&process.comm))
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
