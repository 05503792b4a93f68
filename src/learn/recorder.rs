//! Writes down what processes run, map and hold, for as long as they are there to be looked at. Reads `/proc` and the root.

use std::collections::HashSet;
use std::ffi::CString;

use nix::errno::Errno;

use super::observed::{Credentials, Gap, Library, Observed, Port, Program, Role};
use crate::linux::proc::sockets::{Listening, listening};
use crate::linux::proc::{Proc, Task};
use crate::recognise::catalogue::Class;
use crate::recognise::command_line::Role as Word;
use crate::recognise::command_line::wrappers::{class, is_shell};
use crate::recognise::elf::Elf;
use crate::recognise::needs::{Role as Need, needs};
use crate::recognise::search_path::DEFAULT_SEARCH;
use crate::root::{Canonical, Identity, InRoot, Place, Root};
use crate::target::command_line::command_line;
use crate::text::order::sort_by;

/// How many interpreters of interpreters the kernel follows (execve(2)).
const INTERPRETERS: usize = 5;

/// Everything that was written down.
pub struct Recorder<'a> {
    root: &'a Root,
    proc: Option<Proc>,
    observed: Observed,
    /// Files that were found to be libraries, or not.
    libraries: HashSet<Identity>,
    others: HashSet<Identity>,
    /// Sockets that were looked up.
    sockets: HashSet<u64>,
    /// Whether setuid programs gain nothing while they are looked at.
    pub hinders: bool,
}

/// How a process came to run its program.
pub struct Start<'a> {
    /// What it runs as for those who look at the app.
    pub role: Role,
    /// Name of the program that it or its parent ran before.
    pub by: &'a [u8],
    /// Whether the start itself was seen.
    pub seen: bool,
}

impl<'a> Recorder<'a> {
    /// Nothing yet, of an app in `root`.
    pub fn new(root: &'a Root) -> Self {
        let mut observed = Observed::default();
        let proc = Proc::open().map_err(|errno| observed.gaps.push(Gap::NoProc(errno))).ok();
        let (libraries, others, sockets) = Default::default();
        Self { root, proc, observed, libraries, others, sockets, hinders: false }
    }

    /// Notes what could not be seen, once.
    pub fn miss(&mut self, gap: Gap) {
        if !self.observed.gaps.contains(&gap) {
            self.observed.gaps.push(gap);
        }
    }

    /// Notes the program that process `pid` runs now, with the script that it runs, if any.
    pub fn started(&mut self, pid: u32, start: &Start<'_>) {
        let task = Task::Process(pid);
        let Some((id, path)) = self.program(task) else { return };
        let named = task.exec_filename().ok().map(|name| absolute(task, name));
        let place = named.and_then(|name| self.root.walk(InRoot(&name), true).ok());
        let roles = match &place {
            Some(place) if place.stat.id == id => {
                self.add(&path, start.role, start, &last_links(place));
                None
            }
            // The kernel has put the interpreter in the place of the script.
            Some(script) if self.is_script(&script.path) => {
                self.add(&script.path, start.role, start, &last_links(script));
                self.role(&script.path, Role::Script);
                Some(script.path.clone())
            }
            _ => {
                self.add(&path, start.role, start, &[]);
                None
            }
        };
        if let Some(script) = roles {
            self.interpreters(script, id, start);
        } else {
            self.argument(pid, &path);
        }
        self.loader(&path);
        self.privileges(task, &path);
        self.credentials(task, &path);
    }

    /// Notes what process `pid` has mapped, who it is, and where it listens.
    pub fn look(&mut self, pid: u32) {
        let task = Task::Process(pid);
        let Some((_, program)) = self.program(task) else { return };
        match task.mappings() {
            Ok(files) => {
                for file in files {
                    if let Some(path) = file.path.as_ref().filter(|path| program != **path) {
                        self.mapped(path, file.id, &program);
                    }
                }
            }
            Err(Errno::ESRCH | Errno::ENOENT) => {}
            Err(_) => self.unreadable(),
        }
        self.credentials(task, &program);
        for Listening { tcp, port: number, loopback } in listening(task, &mut self.sockets) {
            note(&mut self.observed.ports, &Port { tcp, number, loopback });
        }
    }

    /// What was written down, in order. `finish` adds what is found out at the end.
    pub fn observed(mut self) -> Observed {
        let observed = &mut self.observed;
        for program in &mut observed.programs {
            sort_by(&mut program.roles, Role::cmp);
            sort_by(&mut program.links, Canonical::cmp);
            sort_by(&mut program.scripts, Canonical::cmp);
            sort_by(&mut program.by, Vec::cmp);
        }
        for library in &mut observed.libraries {
            sort_by(&mut library.by, Canonical::cmp);
        }
        for credentials in &mut observed.credentials {
            sort_by(&mut credentials.by, Canonical::cmp);
        }
        sort_by(&mut observed.programs, |a, b| a.path.cmp(&b.path));
        sort_by(&mut observed.libraries, |a, b| a.path.cmp(&b.path));
        sort_by(&mut observed.credentials, Credentials::cmp);
        sort_by(&mut observed.ports, Port::cmp);
        self.observed
    }

    /// The file that a process runs, and where it lies in the root. Notes it if it has no path there.
    fn program(&mut self, task: Task) -> Option<(Identity, Canonical)> {
        let id = self.proc.as_ref()?.program(task).ok()?;
        let link = task.program_link().ok()?;
        match self.root.walk(InRoot(&link), true) {
            Ok(place) if place.stat.id == id => Some((id, place.path)),
            _ => {
                let name = link.strip_suffix(b" (deleted)").unwrap_or(&link);
                self.miss(Gap::NoPath(name.to_vec()));
                None
            }
        }
    }

    fn is_script(&self, path: &Canonical) -> bool {
        self.root.read(path, 2).is_ok_and(|head| head == b"#!")
    }

    /// The interpreters of `script`, down to the program `id` that the kernel has started for it.
    fn interpreters(&mut self, mut script: Canonical, id: Identity, start: &Start<'_>) {
        for _ in 0..INTERPRETERS {
            let interpreter = needs(self.root, &script, &[]).into_iter().find(|(_, role)| *role == Need::Interpreter);
            let Some(place) = interpreter.and_then(|(path, _)| self.root.walk(InRoot(&path), true).ok()) else {
                return;
            };
            let by = script.name().to_vec();
            self.add(&place.path, Role::Interpreter, &Start { by: &by, ..*start }, &last_links(&place));
            self.script_of(&place.path, &script);
            if place.stat.id == id {
                return;
            }
            self.role(&place.path, Role::Script);
            script = place.path;
        }
    }

    /// The script that is an argument of an interpreter, as in `python3 app.py`.
    fn argument(&mut self, pid: u32, program: &Canonical) {
        let name = String::from_utf8_lossy(program.name()).into_owned();
        if !is_shell(&name) && class(&name) != Some(Class::Interpreter) {
            return;
        }
        let Some(line) = command_line(pid) else { return };
        let scripts = line.resolve(self.root, &DEFAULT_SEARCH).needs.into_iter();
        let first =
            scripts.filter(|need| matches!(need.role, Word::Script | Word::ShellScript)).map(|need| need.path).next();
        if let Some(place) = first.and_then(|path| self.root.walk(InRoot(&path), true).ok()) {
            self.script_of(program, &place.path);
        }
    }

    /// The dynamic loader of a program.
    fn loader(&mut self, program: &Canonical) {
        for (path, role) in needs(self.root, program, &[]) {
            if let (Need::Loader, Ok(place)) = (role, self.root.walk(InRoot(&path), true)) {
                self.role(&place.path, Role::Loader);
            }
        }
    }

    /// Notes a program that should have gained something by its start, and has not because it is traced.
    fn privileges(&mut self, task: Task, program: &Canonical) {
        if !self.hinders || task.status().is_ok_and(|status| status.uid.is_some_and(|[_, uid, ..]| uid == 0)) {
            return;
        }
        let capable = || {
            let name = CString::new(program.name()).ok()?;
            self.root.directory(&program.parent()?).ok()?.has_capabilities(&name, None).ok()
        };
        let is_setid = self.root.stat_at(program).is_ok_and(|stat| stat.mode & 0o6000 != 0);
        if is_setid || capable() == Some(true) {
            self.miss(Gap::Privileged(program.clone()));
        }
    }

    fn credentials(&mut self, task: Task, program: &Canonical) {
        let Ok(status) = task.status() else { return };
        let (Some([_, uid, ..]), Some([_, gid, ..]), Some(sets)) = (status.uid, status.gid, status.capabilities) else {
            return;
        };
        let (effective, bounding) = (sets.effective, sets.bounding);
        let same = |known: &&mut Credentials| {
            (known.uid, known.gid, known.effective, known.bounding) == (uid, gid, effective, bounding)
        };
        let list = &mut self.observed.credentials;
        match list.iter_mut().find(same) {
            Some(known) => note(&mut known.by, program),
            None => list.push(Credentials { uid, gid, effective, bounding, by: vec![program.clone()] }),
        }
    }

    /// Notes a file that a process has mapped, if it is a library and no program.
    fn mapped(&mut self, path: &[u8], id: Identity, by: &Canonical) {
        if self.others.contains(&id) {
            return;
        }
        let Ok(place) = self.root.walk(InRoot(path), true) else { return };
        if !self.libraries.contains(&id) {
            // Not compared with `id`: on overlayfs, maps name the file of the layer.
            if !matches!(self.root.classify(&place.path), Ok(Some(Elf::Library))) {
                self.others.insert(id);
                return;
            }
            self.libraries.insert(id);
        }
        let list = &mut self.observed.libraries;
        match list.iter_mut().find(|known| known.path == place.path) {
            Some(known) => note(&mut known.by, by),
            None => list.push(Library { path: place.path, by: vec![by.clone()] }),
        }
    }

    /// Notes a process whose mapped files cannot be read.
    pub fn unreadable(&mut self) {
        for gap in &mut self.observed.gaps {
            if let Gap::NoMappings(count) = gap {
                *count += 1;
                return;
            }
        }
        self.observed.gaps.push(Gap::NoMappings(1));
    }

    /// Notes one start of the file at `path`.
    fn add(&mut self, path: &Canonical, role: Role, start: &Start<'_>, links: &[Canonical]) {
        let Some(program) = self.known(path) else { return };
        note(&mut program.roles, &role);
        program.times += u64::from(start.seen);
        for link in links {
            note(&mut program.links, link);
        }
        if !start.by.is_empty() {
            note(&mut program.by, &start.by.to_vec());
        }
    }

    fn role(&mut self, path: &Canonical, role: Role) {
        self.known(path).into_iter().for_each(|program| note(&mut program.roles, &role));
    }

    fn script_of(&mut self, interpreter: &Canonical, script: &Canonical) {
        self.known(interpreter).into_iter().for_each(|program| note(&mut program.scripts, script));
    }

    fn known(&mut self, path: &Canonical) -> Option<&mut Program> {
        let list = &mut self.observed.programs;
        let known = list.iter().position(|known| known.path == *path);
        // The one that is known is put at the end, whose order does not count.
        let new = || {
            let (links, roles, scripts, by) = Default::default();
            Program { path: path.clone(), links, roles, scripts, by, times: 0 }
        };
        let program = known.map_or_else(new, |index| list.swap_remove(index));
        list.push(program);
        list.last_mut()
    }
}

/// Adds what is not in the list.
fn note<T: PartialEq + Clone>(list: &mut Vec<T>, item: &T) {
    if !list.contains(item) {
        list.push(item.clone());
    }
}

/// The links that lead to the file itself.
fn last_links(place: &Place) -> Vec<Canonical> {
    place.links.iter().filter(|link| link.last).map(|link| link.path.clone()).collect()
}

/// The path by which a process was started, from the root on.
fn absolute(task: Task, name: Vec<u8>) -> Vec<u8> {
    if name.starts_with(b"/") {
        return name;
    }
    let directory = task.working_directory().unwrap_or_else(|| b"/".to_vec());
    InRoot(&directory).join(&name)
}
