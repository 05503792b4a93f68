//! What has been seen so far. It grows with the number of different files, not with that of processes. Reads only.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{getegid, geteuid};

use super::event::Event;
use super::gain;
use super::image::Image;
use super::observed::{Credentials, Gap, Port};
use crate::linux::identity::Identity;
use crate::linux::proc::net::Waiting;
use crate::linux::proc::status::Status;
use crate::linux::proc::{Proc, Task};
use crate::linux::sys::trace::as_user;
use crate::recognise::catalogue::Class;
use crate::recognise::command_line::wrappers::class;
use crate::root::{Canonical, InRoot, Root};

/// Where the kernel takes ports from for sockets that ask for none (`ip_local_port_range`, ip(7)).
const EPHEMERAL: u16 = 32768;

/// How long the sockets of a namespace count for all its processes. Of thousands that end at once each looked for itself
/// otherwise, for milliseconds.
const FRESH: Duration = Duration::from_millis(50);

/// The sockets of a network namespace that wait for somebody.
struct Sockets {
    namespace: Option<Identity>,
    at: Instant,
    list: Vec<Waiting>,
}

/// How it is known that a program was started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// The kernel told it.
    Seen,
    /// It runs now, and did not when the last look was taken.
    Found,
    /// It ran already.
    RanAlready,
}

/// What has been seen so far.
pub struct Seen<'r> {
    pub(super) root: &'r Root,
    proc: Option<Proc>,
    pub(super) images: Vec<Image>,
    /// The number of an image, by file and path.
    numbers: HashMap<(Identity, Vec<u8>), u32>,
    /// Files that were mapped, each with the numbers of the images that mapped it.
    pub(super) libraries: Vec<(Canonical, Vec<u32>)>,
    /// The place of a mapped file in `libraries`, as `maps` identifies it; `None` if nothing is at its path.
    mapped: HashMap<Identity, Option<usize>>,
    /// Each with the numbers of the images.
    pub(super) credentials: Vec<(Credentials, Vec<u32>)>,
    pub(super) ports: Vec<Port>,
    /// What the last look at a network namespace has shown.
    sockets: Option<Sockets>,
    pub(super) gaps: Vec<Gap>,
    /// How many processes did not show what they had mapped.
    pub(super) unmapped: u64,
    /// Whether this process may look at processes of another user as that user.
    privileged: bool,
    /// Who is told at once.
    hear: Option<fn(Event<'_>)>,
}

impl<'r> Seen<'r> {
    /// Nothing has been seen in `root`.
    pub fn new(root: &'r Root) -> Self {
        let (proc, gaps) = match Proc::open() {
            Ok(proc) => (Some(proc), Vec::new()),
            Err(errno) => (None, vec![Gap::NoProc(errno)]),
        };
        Self {
            root,
            proc,
            images: Vec::new(),
            numbers: HashMap::new(),
            libraries: Vec::new(),
            mapped: HashMap::new(),
            credentials: Vec::new(),
            ports: Vec::new(),
            sockets: None,
            gaps,
            unmapped: 0,
            privileged: geteuid().is_root(),
            hear: None,
        }
    }

    /// From now on tells each event at once.
    pub fn tell(&mut self, hear: fn(Event<'_>)) {
        self.hear = Some(hear);
    }

    pub(super) fn told(&self, event: Event<'_>) {
        if let Some(hear) = self.hear {
            hear(event);
        }
    }

    /// Notes that something could not be seen.
    pub fn add_gap(&mut self, gap: Gap) {
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Whether a program was seen.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Whether programs can be seen at all.
    pub fn can_name(&self) -> bool {
        self.proc.is_some()
    }

    /// Notes that the process executes a program, which the image `by` started. Returns the number of its image; `None`
    /// if it cannot be told.
    pub(super) fn executed(&mut self, pid: u32, by: Option<u32>, start: Start) -> Option<u32> {
        let proc = self.proc.as_ref()?;
        let task = Task::Process(pid);
        let status = task.status().unwrap_or_default();
        let look = || -> Result<_, Errno> {
            let id = proc.program(task)?;
            let mut called = proc.exec_filename(task).or_else(|_| first_argument(task)).unwrap_or_default();
            if !called.is_empty() && called.first() != Some(&b'/') {
                called = InRoot(&task.working_directory().unwrap_or_default()).join(&called);
            }
            Ok((id, called))
        };
        let (key, new) = match self.as_its_user(&status, look) {
            Ok(key) if self.numbers.contains_key(&key) => (key, None),
            Ok(key) => {
                let shown = self.as_its_user(&status, || proc.program_path(task)).unwrap_or_default();
                (key, Some(shown))
            }
            Err(Errno::ENOENT | Errno::ESRCH) => return None,
            Err(_) => {
                let name = task.comm().unwrap_or_default();
                self.add_gap(Gap::NoPath(name));
                return None;
            }
        };
        let number = match self.numbers.get(&key) {
            Some(number) => *number,
            None => u32::try_from(self.images.len()).unwrap_or(u32::MAX),
        };
        if let Some(shown) = new {
            let image = Image::new(self.root, key.0, &key.1, shown);
            self.numbers.insert(key, number);
            let gained = image.program.as_ref().is_ok_and(|path| gain::is_missing(self.root, path, &status));
            if let (true, Ok(path)) = (gained, &image.program) {
                let gap = Gap::Privileged(path.clone());
                self.add_gap(gap);
            }
            self.images.push(image);
        }
        let reads =
            self.images.get(number as usize).is_some_and(|image| image.scripts.is_empty() && reads_scripts(image));
        let arguments = if reads {
            let look = || task.arguments().map(|words| (words, task.working_directory(), task.descriptor(0)));
            self.as_its_user(&status, look).ok()
        } else {
            None
        };
        if let Some(image) = self.images.get(number as usize) {
            let program = image.program.as_deref().unwrap_or_else(Vec::as_slice);
            let script = image.scripts.first().map(|(path, _)| &**path);
            self.told(Event::Executed { pid, program, script, told: start == Start::Seen });
        }
        let image = self.images.get_mut(number as usize)?;
        if let Some((words, directory, input)) = arguments {
            image.add_arguments(self.root, &words, directory);
            image.add_script(self.root, &input.unwrap_or_default());
        }
        // Between two looks a fork cannot be told from a start of the same program.
        if start == Start::Seen || by != Some(number) {
            image.times += u64::from(start != Start::RanAlready);
            add(&mut image.by, by);
        }
        self.add_credentials(&status, number);
        Some(number)
    }

    /// Notes that this image is what the app's first process was started as.
    pub(super) fn is_app(&mut self, number: Option<u32>) {
        if let Some(image) = number.and_then(|number| self.images.get_mut(number as usize)) {
            image.app = true;
        }
    }

    /// Looks at what the process has mapped and at whom it runs as.
    pub(super) fn look(&mut self, task: Task, image: u32) {
        let Some(proc) = &self.proc else { return };
        let status = task.status().unwrap_or_default();
        let mut files: Vec<(Identity, Option<Vec<u8>>)> = Vec::new();
        let result = {
            let (mapped, libraries) = (&self.mapped, &self.libraries);
            let known = |id| match mapped.get(&id) {
                Some(Some(place)) => libraries.get(*place).is_some_and(|(_, by)| by.contains(&image)),
                Some(None) => true,
                None => false,
            };
            self.as_its_user(&status, || {
                files.clear();
                proc.executable_mappings(task, &mut |id, path| {
                    if !known(id) {
                        files.push((id, (!mapped.contains_key(&id)).then(|| path.to_vec())));
                    }
                })
            })
        };
        match result {
            Ok(()) => {}
            // It has ended, or it has no memory any more.
            Err(Errno::ENOENT | Errno::ESRCH) => return,
            Err(_) => self.unmapped += 1,
        }
        for (id, path) in files {
            let place = match path {
                None => self.mapped.get(&id).copied().flatten(),
                Some(path) => self.add_library(id, &path),
            };
            if let Some((_, by)) = place.and_then(|place| self.libraries.get_mut(place)) {
                add(by, Some(image));
            }
        }
        self.add_credentials(&status, image);
    }

    fn add_library(&mut self, id: Identity, path: &[u8]) -> Option<usize> {
        if let Some(known) = self.mapped.get(&id) {
            return *known;
        }
        let place = self.root.walk(path, true).ok().map(|place| {
            let known = self.libraries.iter().position(|(known, _)| *known == place.path);
            known.unwrap_or_else(|| {
                self.libraries.push((place.path, Vec::new()));
                self.libraries.len() - 1
            })
        });
        self.mapped.insert(id, place);
        place
    }

    /// Looks at where the process listens.
    pub(super) fn look_at_ports(&mut self, task: Task) {
        let Some(proc) = &self.proc else { return };
        let status = task.status().unwrap_or_default();
        let looked = self.as_its_user(&status, || {
            let namespace = proc.network_namespace(task).ok();
            let is_known = |known: &&Sockets| known.namespace == namespace && known.at.elapsed() < FRESH;
            let known = self.sockets.as_ref().filter(is_known).filter(|_| namespace.is_some());
            let new = known.is_none().then(|| Sockets { namespace, at: Instant::now(), list: proc.waiting(task) });
            let list = known.or(new.as_ref()).map_or(&[][..], |sockets| &sockets.list);
            Ok((proc.held(task, list)?, new))
        });
        let Ok((sockets, new)) = looked else { return };
        if new.is_some() {
            self.sockets = new;
        }
        // A socket that only asks, such as that of a resolver, has a port that it did not choose.
        for socket in sockets.into_iter().filter(|socket| socket.tcp || socket.port < EPHEMERAL) {
            let port = Port { tcp: socket.tcp, number: socket.port, loopback: socket.loopback };
            if !self.ports.contains(&port) {
                self.ports.push(port);
            }
        }
    }

    fn add_credentials(&mut self, status: &Status, image: u32) {
        let (Some([_, uid, ..]), Some([_, gid, ..]), Some(sets)) = (status.uid, status.gid, &status.capabilities)
        else {
            return;
        };
        let seen = Credentials { uid, gid, effective: sets.effective, bounding: sets.bounding, by: Vec::new() };
        match self.credentials.iter_mut().find(|(known, _)| *known == seen) {
            Some((_, by)) => add(by, Some(image)),
            None => self.credentials.push((seen, vec![image])),
        }
    }

    /// Calls `look`, and once more as the user of the process if this one may not look: without `CAP_SYS_PTRACE`, which
    /// no runtime grants by default, root may look only at its own processes.
    fn as_its_user<T>(&self, status: &Status, mut look: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
        let result = look();
        let (Some([_, uid, ..]), Some([_, gid, ..])) = (status.uid, status.gid) else { return result };
        let other = (uid, gid) != (geteuid().as_raw(), getegid().as_raw());
        match result {
            Err(Errno::EACCES | Errno::EPERM) if self.privileged && other => as_user(uid, gid, look),
            result => result,
        }
    }
}

/// The first argument, if it is a path: mostly that by which the program was started.
fn first_argument(task: Task) -> Result<Vec<u8>, Errno> {
    let arguments = task.arguments()?;
    let first = arguments.split(|&byte| byte == 0).next().filter(|first| first.contains(&b'/'));
    Ok(first.unwrap_or_default().to_vec())
}

/// Whether scripts may be among the arguments of a program.
fn reads_scripts(image: &Image) -> bool {
    let reads = |name: &[u8]| {
        matches!(class(&String::from_utf8_lossy(name)), Some(Class::Shell | Class::Interpreter | Class::MultiCall))
    };
    reads(&image.name) || image.program.as_ref().is_ok_and(|path| reads(path.name()))
}

fn add(list: &mut Vec<u32>, number: Option<u32>) {
    if let Some(number) = number.filter(|number| !list.contains(number)) {
        list.push(number);
    }
}
