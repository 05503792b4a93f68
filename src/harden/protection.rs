//! Files that must never be deleted: lithify itself, what the app runs, and what kept programs need to start. Reads
//! only.

use std::collections::HashMap;
use std::rc::Rc;

use nix::errno::Errno;

use crate::harden::found::{Found, LibraryReason};
use crate::harden::kept::{KeepReason, Kept, Named};
use crate::linux::proc;
use crate::linux::proc::processes::{Process, Program};
use crate::profile::Profile;
use crate::recognise::command_line::{CommandLine, Need, Role, needs_of};
use crate::recognise::needs;
use crate::root::{Canonical, Identity, InRoot, Kind, Root};
use crate::target::Target;
use crate::target::app::App;
use crate::target::candidates::{Candidates, Certainty};
use crate::target::command_line::command_line;
use crate::target::processes::ProcessError;
use crate::text::escape::escape;

/// Why the libraries that the app has loaded are not known.
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

/// Why a file is protected.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Who needs it.
    pub claim: Rc<Claim>,
    /// The path that `[keep] paths` has to name, if it is not the path of the file. It is the path that the command
    /// gives, so that the links on the way are kept, too.
    pub keep: Option<Vec<u8>>,
}

/// Who needs a file.
#[derive(Debug)]
pub enum Claim {
    /// The file is lithify itself.
    Lithify,
    /// Programs need the file as a shared library or as the loader.
    Library(Rc<LibraryReason>),
    /// A process runs the file, with this certainty.
    Runs(AppProcess, Certainty),
    /// It is a link to a program that a process runs. The command line of the process does not say under which name it
    /// was started.
    LeadsToProgram(AppProcess),
    /// Something that is started needs the file.
    Needed(Needed),
}

/// What something that is started needs.
#[derive(Debug)]
pub struct Needed {
    /// What is started.
    pub by: For,
    /// The chain from the command to the file; each element needs the next one. The role of the first is `None`,
    /// because it is the command itself.
    pub chain: Vec<(Vec<u8>, Option<needs::Role>)>,
    /// Whether the file is a link on the way to the last element of the chain.
    pub link: bool,
}

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum For {
    /// A program that an entry of `[keep]` names.
    Kept(Rc<KeepReason>),
    /// The command that is to be run.
    Command {
        /// Whether the command needs the file only until it is up, as it needs the shell of its script.
        passes: bool,
    },
    /// The command that the container will start.
    App {
        /// Where this is declared.
        said: String,
        /// Whether the app would not need the file if its program were started directly: the file is a shell or its
        /// script.
        script: bool,
    },
    /// A process that runs already, if it is started again.
    Process(AppProcess),
}

/// A process of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppProcess {
    /// The process.
    pub process: Process,
    /// Whether it is the container's first process; otherwise it is a descendant of that process.
    pub first: bool,
}

/// Who starts a command line.
#[derive(Clone, Copy, Debug)]
pub enum Starter<'a> {
    /// `run`, which starts the command next.
    Run {
        /// Whether scripts start the app, in any interpreter, as the user said.
        by_scripts: bool,
    },
    /// The container, later; with the place where this is declared.
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
    /// Processes of the app whose programs cannot be read. They are resolved when it is known what is to go.
    unreadable: Vec<AppProcess>,
    /// Programs whose libraries stay, with those that they need to start: paths inside the root.
    programs: Vec<Vec<u8>>,
    /// Files that the app's processes have mapped, each with the process.
    loaded: HashMap<Identity, Rc<LibraryReason>>,
    /// Programs that processes outside the app run: they are deleted, with a note.
    others: HashMap<Identity, Process>,
}

impl Reason {
    /// A reason for which `[keep] paths` would name the file itself.
    pub fn new(claim: Claim) -> Self {
        Self { claim: Rc::new(claim), keep: None }
    }
}

impl Protection {
    /// Protects lithify itself and the programs that the app runs. Fails if lithify's own program cannot be determined.
    pub fn of_running(app: &App) -> Result<Self, ProcessError> {
        let mut protection = Self::of_waited_for(app)?;
        for process in app.processes() {
            let first = app.first.as_ref().is_some_and(|first| first.pid == process.pid);
            let of_app = AppProcess { process: process.clone(), first };
            match process.program {
                Program::Known(id) => protection.add(id, Reason::new(Claim::Runs(of_app, Certainty::Known))),
                Program::Unreadable { .. } => protection.unreadable.push(of_app),
                Program::None => {}
            }
        }
        Ok(protection)
    }

    /// Protects lithify itself only. This is for an app that is waited for until it runs nothing that goes
    /// ([`crate::harden::wait`]). Fails if lithify's own program cannot be determined.
    pub fn of_waited_for(app: &App) -> Result<Self, ProcessError> {
        let mut protection = Self::default();
        let own = proc::own_program()?;
        protection.own = Some(own);
        if let Some(Program::Known(id)) = app.first.as_ref().map(|first| &first.program) {
            protection.first = Some(*id);
        }
        protection.add(own, Reason::new(Claim::Lithify));
        for process in &app.others {
            if let Program::Known(id) = process.program {
                protection.others.entry(id).or_insert_with(|| process.clone());
            }
        }
        Ok(protection)
    }

    /// Protects what the programs of `[keep]` need to start: the ELF interpreter or the program of the `#!` line, and
    /// what these need.
    pub fn add_needs_of_kept(&mut self, root: &Root, search: &[&str], kept: &Kept) {
        for Named { path, entry, .. } in &kept.named {
            let needs = needs_of(root, path, search);
            self.programs.extend(needs.iter().map(|need| need.path.clone()));
            for index in 1..needs.len() {
                self.add_need(root, &needs, index, For::Kept(Rc::clone(entry)));
            }
        }
    }

    /// Protects those of the files that are to go that a process of the app may run, if its program cannot be read.
    /// Files that `[keep]` saves are not among them; they only matter if one is the program of that process.
    pub fn add_unreadable(&mut self, target: &Target, profile: &Profile, found: &[Rc<Found>]) {
        let unreadable = std::mem::take(&mut self.unreadable);
        if unreadable.is_empty() {
            return;
        }
        let programs =
            found.iter().filter(|found| found.stat.is_executable()).map(|found| (found.stat.id, found.path()));
        let candidates = Candidates::new(target, profile, &self.programs, programs.collect());
        for of_app in &unreadable {
            for (id, certainty) in candidates.of(&of_app.process) {
                let claim = Rc::new(Claim::Runs(of_app.clone(), certainty));
                self.add(id, Reason { claim, keep: candidates.called(&of_app.process, id).map(Canonical::into_bytes) });
            }
        }
    }

    /// Protects the libraries that the container's first process and its descendants have loaded from the root. If the
    /// memory map of a process cannot be read, its program must be one of `[keep]`, whose libraries stay anyway; this
    /// is the case for workers of servers, which change their user. The rule does not hold if the root is not the root
    /// directory of this process: the processes do not run in it. Fails if the memory map of any other process cannot
    /// be read.
    pub fn add_loaded(&mut self, target: &Target, profile: &Profile, app: &App) -> Result<(), LoadedError> {
        let root = &target.root;
        let own = std::process::id();
        let candidates = Candidates::new(target, profile, &self.programs, Vec::new());
        let elsewhere = target.is_own_root() == Ok(false);
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
            let reason = Rc::new(LibraryReason::Loaded(process.clone()));
            for mapped in files {
                self.loaded.entry(mapped.id).or_insert_with(|| Rc::clone(&reason));
                // On overlayfs, older kernels show the file of the layer instead of the file that processes see.
                if let Some(stat) = mapped.path.and_then(|path| root.resolve(&path).ok()) {
                    self.loaded.entry(stat.id).or_insert_with(|| Rc::clone(&reason));
                }
            }
        }
        Ok(())
    }

    /// The programs whose libraries stay: those of `[keep]`, the command that is to be run, and what these need to
    /// start.
    pub fn programs(&self) -> &[Vec<u8>] {
        &self.programs
    }

    /// The files that the app's processes have mapped, each with the reason.
    pub fn loaded(&self) -> &HashMap<Identity, Rc<LibraryReason>> {
        &self.loaded
    }

    /// Protects what a command line needs to start. Returns the names in it that do not exist.
    pub fn add_command(
        &mut self,
        root: &Root,
        search: &[&str],
        line: &CommandLine,
        starter: Starter<'_>,
    ) -> Vec<String> {
        let resolved = line.resolve(root, search);
        // Files that are needed as long as the command runs come first: the same file may be needed to start, too.
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
                    Starter::Later(said) => For::App { said: said.to_owned(), script },
                };
                // The profile decides about programs that the script of `run` calls: it is not known whether the script
                // can do without them.
                if lasts == wanted && !(called && matches!(starter, Starter::Run { .. })) {
                    self.programs.push(need.path.clone());
                    self.add_need(root, &resolved.needs, index, by);
                }
            }
        }
        resolved.missing
    }

    /// Protects what each process of the app was started by, as [`Self::add_started`] does.
    pub fn add_all_started(&mut self, target: &Target, profile: &Profile, app: &App) {
        self.add_first(target, profile, app);
        let mut known = Vec::new();
        for process in &app.descendants {
            let Some(line) = command_line(process.pid) else { continue };
            // Workers have the command line of their master.
            if !known.contains(&line.words) {
                known.push(line.words.clone());
                self.add_started(target, profile, process, &line, false);
            }
        }
    }

    /// Protects what the container's first process was started by. If its command line does not lead to its program,
    /// every link to the program is protected.
    pub fn add_first(&mut self, target: &Target, profile: &Profile, app: &App) {
        let Some(first) = app.first.as_ref().filter(|first| first.pid != std::process::id()) else { return };
        let line = command_line(first.pid);
        let told = line.is_some_and(|line| self.add_started(target, profile, first, &line, true));
        if let (false, Program::Known(id)) = (told, &first.program) {
            self.add_links(&target.root, profile, first, *id);
        }
    }

    /// Protects every link to the program of the container's first process. If a process has replaced its command line
    /// with a title, it may have been started under any of these names.
    fn add_links(&mut self, root: &Root, profile: &Profile, first: &Process, program: Identity) {
        let claim = Rc::new(Claim::LeadsToProgram(AppProcess { process: first.clone(), first: true }));
        for directory in profile.search() {
            let mut links = Vec::new();
            // The survey reports a directory that cannot be listed.
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
                    self.add(link.stat.id, Reason { claim: Rc::clone(&claim), keep });
                }
            }
        }
    }

    /// Protects what a process was started by, besides its program: the links to the program and, for an interpreter,
    /// its script. A shell whose script started the program is not protected. Returns whether the command line leads to
    /// the program.
    fn add_started(
        &mut self,
        target: &Target,
        profile: &Profile,
        process: &Process,
        line: &CommandLine,
        first: bool,
    ) -> bool {
        let id = match process.program {
            _ if process.pid == std::process::id() => None,
            Program::Known(id) => Some(id),
            Program::Unreadable { .. } => Candidates::new(target, profile, &self.programs, Vec::new()).program(process),
            Program::None => None,
        };
        let Some(id) = id else { return false };
        let root = &target.root;
        let needs = line.resolve(root, &profile.search()).needs;
        // A process may give itself any command line: only a path that leads to its program is its command.
        let leads_there = |need: &&Need| need.by.is_none() && root.resolve(&need.path).is_ok_and(|stat| stat.id == id);
        let Some(program) = needs.iter().find(leads_there).map(|need| need.path.clone()) else { return false };
        let of_app = AppProcess { process: process.clone(), first };
        if matches!(process.program, Program::Unreadable { .. }) {
            self.add(id, Reason::new(Claim::Runs(of_app.clone(), Certainty::Named)));
        }
        if let Some(reason) = self.files.get_mut(&id) {
            reason.keep.get_or_insert_with(|| program.clone());
        }
        // If PATH cannot be read, other programs with the same name were found, too.
        let another = |need: &Need| {
            need.by.is_none() && need.path != program && InRoot(&need.path).name() == InRoot(&program).name()
        };
        for (index, need) in needs.iter().enumerate() {
            let passed = matches!(need.role, Role::Shell | Role::ShellScript)
                || need.role == Role::Launcher && need.by.is_none();
            if need.lasts && !passed && !another(need) {
                self.add_need(root, &needs, index, For::Process(of_app.clone()));
            }
        }
        true
    }

    /// Protects one of `needs` and the links that lead to it.
    fn add_need(&mut self, root: &Root, needs: &[Need], index: usize, by: For) {
        let Some(need) = needs.get(index) else { return };
        let Ok(place) = root.walk(&need.path, true) else { return };
        let chain = chain(needs, index);
        let reason = |link, by, chain| Reason {
            claim: Rc::new(Claim::Needed(Needed { by, chain, link })),
            keep: Some(need.path.clone()),
        };
        for link in &place.links {
            self.add(link.stat.id, reason(true, by.clone(), chain.clone()));
        }
        self.add(place.stat.id, reason(false, by, chain));
    }

    /// What the file or link `id` is needed for, if something that is started needs it.
    fn needed_by(&self, id: Identity) -> Option<&For> {
        match &*self.files.get(&id)?.claim {
            Claim::Needed(Needed { by, .. }) => Some(by),
            _ => None,
        }
    }

    /// Whether the command that is to be run needs the file or link `id` as long as it runs.
    pub fn is_command(&self, id: Identity) -> bool {
        self.needed_by(id) == Some(&For::Command { passes: false })
    }

    /// Whether the command that is to be run needs the file or link `id` only to start.
    pub fn passes(&self, id: Identity) -> bool {
        self.needed_by(id) == Some(&For::Command { passes: true })
    }

    fn add(&mut self, id: Identity, reason: Reason) {
        self.files.entry(id).or_insert(reason);
    }

    /// Why the file or link `id` must stay; `None` if it may go.
    pub fn reason(&self, id: Identity) -> Option<&Reason> {
        self.files.get(&id)
    }

    /// Whether the file `id` starts the app: the container's first process runs it, or it belongs to a command line of
    /// the app or is needed by one.
    pub fn starts_app(&self, id: Identity) -> bool {
        self.first == Some(id) || matches!(self.needed_by(id), Some(For::Command { .. } | For::App { .. }))
    }

    /// Whether the file `id` is lithify itself.
    pub fn is_lithify(&self, id: Identity) -> bool {
        self.own == Some(id)
    }

    /// A process outside the app that runs `id`, if there is one.
    pub fn other_user(&self, id: Identity) -> Option<&Process> {
        self.others.get(&id)
    }
}

/// The chain from the command to one of `needs`.
fn chain(needs: &[Need], index: usize) -> Vec<(Vec<u8>, Option<needs::Role>)> {
    let Some(need) = needs.get(index) else { return Vec::new() };
    let (mut chain, role) = need.by.map_or((Vec::new(), None), |(by, role)| (self::chain(needs, by), Some(role)));
    chain.push((need.path.clone(), role));
    chain
}
