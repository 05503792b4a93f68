//! What must never be deleted: lithify itself, what the app runs, and what kept programs need to start. Reads only.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use nix::errno::Errno;

use crate::candidates::{Candidates, Certainty};
use crate::escape::escape;
use crate::inventory::Found;
use crate::needs::needs;
use crate::processes::{self, App, Process, ProcessError, Program};
use crate::profile::Profile;
use crate::root::{Identity, Kind, Root};

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

/// Files that are protected, each with the reason.
#[derive(Debug, Default)]
pub struct Protection {
    files: HashMap<Identity, String>,
    /// lithify itself.
    own: Option<Identity>,
    /// The program of the container's first process.
    first: Option<Identity>,
    /// What stays only because the command that is to be run is it, or needs it to start.
    command: HashSet<Identity>,
    /// Processes of the app whose programs cannot be read, until it is known what is to go.
    unreadable: Vec<(Process, &'static str)>,
    /// Files that such a process may run, although it is not called so.
    possible: HashSet<Identity>,
    /// Programs whose libraries stay, with what they need to start: paths inside the root.
    programs: Vec<Vec<u8>>,
    /// Libraries that the app's processes have loaded, each with the process.
    loaded: HashMap<Identity, String>,
    /// Programs that processes other than the app's run: deleted, and noted.
    others: HashMap<Identity, String>,
}

impl Protection {
    /// Protects lithify itself and the programs of the app.
    pub fn of_running(app: &App) -> Result<Self, ProcessError> {
        let mut protection = Self::of_waited_for(app)?;
        for process in app.processes() {
            let first = app.first.as_ref().is_some_and(|first| first.pid == process.pid);
            let role = if first { "the container's first" } else { "a descendant of the container's first" };
            match &process.program {
                Program::Known(id) => protection.add(*id, format!("{}, {role}, runs it", who(process))),
                Program::Unreadable { .. } => protection.unreadable.push((process.clone(), role)),
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
        if let Some(Program::Known(id)) = app.first.as_ref().map(|first| &first.program) {
            protection.first = Some(*id);
        }
        protection.add(own, "it is lithify itself".to_owned());
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
            let chain = format!("[keep] {entry}: {}", escape(path));
            self.add_needs(root, path, search, &chain, &mut HashSet::new());
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
                let certain = certainty != Certainty::Possible;
                let (runs, why) = if certain {
                    ("seems to run it", "what can be seen of it fits")
                } else {
                    ("may run it", "there is no program that it is called by, and the size of its code fits")
                };
                let who = who(process);
                self.add(id, format!("{who}, {role}, {runs}: its program cannot be read (CAP_SYS_PTRACE), and {why}"));
                if !certain {
                    self.possible.insert(id);
                }
            }
        }
    }

    /// Protects the libraries that the container's first process and its descendants have loaded from `root`. Where a
    /// process's memory map cannot be read, its program must be one of `[keep]`, whose libraries stay anyway: servers'
    /// workers, which change their user, are like that. A tree that is not our own root directory is not what they run in.
    pub fn add_loaded(&mut self, root: &Root, profile: &Profile, app: &App) -> Result<(), LoadedError> {
        let own = std::process::id();
        let candidates = Candidates::new(root, profile, &self.programs, Vec::new());
        let elsewhere = processes::own_root().is_ok_and(|id| id != root.stat().id);
        for process in app.processes().filter(|process| process.pid != own) {
            let kept = || {
                let program = match process.program {
                    Program::Known(id) => Some(id),
                    Program::Unreadable { .. } => candidates.program(process),
                    Program::None => return true,
                };
                self.programs.iter().any(|path| root.resolve(path).is_ok_and(|stat| Some(stat.id) == program))
            };
            let files = match processes::mapped(process, root.stat().id) {
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

    /// Protects `program` (a path inside the root) and what it needs to start.
    pub fn add_program(&mut self, root: &Root, profile: &Profile, program: &[u8]) {
        let before: HashSet<Identity> = self.files.keys().copied().collect();
        let chain = format!("the command to be run, {}", escape(program));
        if let Ok(stat) = root.resolve(program) {
            self.add(stat.id, format!("it is {chain}"));
        }
        self.add_needs(root, program, &profile.search(), &chain, &mut HashSet::new());
        self.command = self.files.keys().filter(|id| !before.contains(id)).copied().collect();
    }

    /// Whether the file or link `id` is protected for nothing but the command that is to be run.
    pub fn is_command(&self, id: Identity) -> bool {
        self.command.contains(&id)
    }

    /// `chain` is why the program itself must stay, up to its path.
    fn add_needs(&mut self, root: &Root, program: &[u8], search: &[&str], chain: &str, seen: &mut HashSet<Identity>) {
        let Ok(stat) = root.resolve(program) else { return };
        if stat.kind != Kind::File || !seen.insert(stat.id) {
            return;
        }
        self.programs.push(program.to_vec());
        for (path, role) in needs(root, program, search) {
            if let Ok(place) = root.walk(b"", &path, true) {
                let reason = format!("{chain} needs {} as {role}", escape(&path));
                // The links on the way, too: a link to a multi-call program goes alone.
                for link in &place.links {
                    self.add(link.stat.id, reason.clone());
                }
                self.add_needs(root, &path, search, &format!("{reason}, which"), seen);
                self.add(place.stat.id, reason);
            }
        }
    }

    fn add(&mut self, id: Identity, reason: String) {
        self.files.entry(id).or_insert(reason);
    }

    /// Why the file or link `id` must stay.
    pub fn reason(&self, id: Identity) -> Option<&str> {
        self.files.get(&id).map(String::as_str)
    }

    /// Whether `id` must stay only because nothing is known of a process that may run it.
    pub fn is_only_possible(&self, id: Identity) -> bool {
        self.possible.contains(&id)
    }

    /// Whether the app is started by the file `id`: it is what the container's first process runs, or what the command
    /// that is to be run is or needs.
    pub fn starts_app(&self, id: Identity) -> bool {
        self.first == Some(id) || self.is_command(id)
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
