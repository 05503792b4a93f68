//! What to try: lists it, and reads only. `run` does that before it gives up its privileges, because the app's user may not
//! see everything.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{S_IFCHR, S_IFMT};
use nix::unistd::{AccessFlags, access};

use super::TIME;
use super::asked::{Asked, path};
use super::attempt::{Attempt, By, End, Start, Tried, Why};
use crate::linux::deadline::Deadline;
use crate::linux::filesystem::is_kernels;
use crate::linux::proc::mountinfo::{Mount, Mounts};
use crate::profile::{Confine, Profile, Scope};
use crate::recognise::catalogue::{Catalogue, Class, Known};
use crate::recognise::elf::Elf;
use crate::root::{Canonical, InRoot, Kind, Place, Root, RootError};
use crate::scan::{Scan, Sighting, scan_all};
use crate::target::Target;
use crate::verify::{Check, CheckId, runtime_sockets};

/// How long the search for programs may take.
const SEARCH: Duration = Duration::from_secs(6);

/// The first port that is tried: one of those that nobody is assigned (RFC 6335), and for which no privilege is needed.
const FIRST_PORT: u16 = 49152;

/// Devices that may be opened without any effect, besides those that every app may control. Others, such as a watchdog,
/// act when they are opened.
const HARMLESS: [&str; 4] = ["/dev/console", "/dev/fuse", "/dev/net/tun", "/dev/kmsg"];

/// What is to be tried.
#[derive(Debug)]
pub struct Listed {
    /// What to try. What takes longest comes last.
    pub(super) wanted: Vec<Wanted>,
    /// What is not known.
    pub(super) unknown: Vec<Attempt>,
    /// When all must be done.
    pub(super) deadline: Deadline,
}

/// One attempt that is to be made.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) tried: Tried,
    /// Whether it must not succeed.
    pub(super) counts: bool,
    /// For a place: the option of its mount that forbids what is tried, by mountinfo.
    pub(super) stated: Option<&'static str>,
}

impl Listed {
    /// Lists what to try in this process's root, which `target` is. `checks` are those that verification has made of what
    /// `profile` asks for. `app` is the path of the app's program, if the attempts are made in the app's confinement.
    pub fn new(target: &Target, profile: &Profile, checks: &[Check], app: Option<&[u8]>) -> Self {
        let deadline = Deadline::after(TIME);
        let root = &target.root;
        let asked = Asked::new(root, profile, checks, app);
        let mut lister =
            Lister { root, asked: &asked, catalogue: Catalogue::default(), wanted: Vec::new(), unknown: Vec::new() };
        lister.calls();
        let mounts = lister.places(target, checks);
        lister.sockets(&mounts);
        if app.is_some() {
            lister.confinement(&profile.confine);
        }
        lister.programs(target);
        Self { wanted: lister.wanted, unknown: lister.unknown, deadline }
    }
}

struct Lister<'a> {
    root: &'a Root,
    asked: &'a Asked<'a>,
    catalogue: Catalogue,
    wanted: Vec<Wanted>,
    unknown: Vec<Attempt>,
}

impl Lister<'_> {
    fn add(&mut self, tried: Tried, counts: bool) {
        self.wanted.push(Wanted { tried, counts, stated: None });
    }

    fn not_tried(&mut self, tried: Tried, why: Why, counts: bool) {
        self.unknown.push(Attempt { tried, end: End::NotTried(why), counts });
    }

    fn calls(&mut self) {
        let asked = self.asked;
        self.add(Tried::Module, asked.capability("SYS_MODULE"));
        self.add(Tried::Mount, asked.capability("SYS_ADMIN"));
        self.add(Tried::UserNamespace, asked.seccomp());
        self.add(Tried::ExecuteMemory, asked.anything());
        // Where that is lithify itself, it is the app's own process from now on.
        if std::process::id() != 1 {
            self.add(Tried::Trace, asked.anything());
        }
    }

    /// What `[confine]` denies beside files and programs.
    fn confinement(&mut self, confine: &Confine) {
        for (ports, tried) in [(&confine.bind, Tried::Bind as fn(u16) -> Tried), (&confine.connect, Tried::Connect)] {
            if let Some(ports) = ports {
                let denied = (FIRST_PORT..=u16::MAX).find(|port| !ports.iter().any(|allowed| allowed.value == *port));
                self.wanted.extend(denied.map(|port| Wanted { tried: tried(port), counts: true, stated: None }));
            }
        }
        if let Some(allowed) = &confine.ioctl {
            for device in HARMLESS {
                let path = device.as_bytes();
                let place = self.root.walk(path, true).ok().filter(|place| place.stat.mode & S_IFMT == S_IFCHR);
                let is_allowed =
                    |place: &Place| allowed.iter().any(|entry| place.path.is_within(entry.value.as_bytes()));
                if place.is_some_and(|place| !is_allowed(&place)) {
                    self.add(Tried::Ioctl(path.to_vec()), true);
                }
            }
        }
        for scope in &confine.scope {
            let tried = match scope.value {
                Scope::AbstractUnixSocket => Tried::AbstractSocket,
                Scope::Signal => Tried::Signal,
            };
            self.add_once(tried, true);
        }
    }

    /// The sockets that are there, each by the first of its names.
    fn sockets(&mut self, mounts: &Mounts) {
        let (root, asked) = (self.root, self.asked.socket());
        let mut seen = Vec::new();
        let visible: Vec<(&[u8], &Mount)> = mounts.visible().map(|mount| (mount.point.as_slice(), mount)).collect();
        runtime_sockets(root, &visible, &mut |path| match root.resolve(path) {
            Ok(stat) if stat.kind == Kind::Other && !seen.contains(&stat.id) => {
                seen.push(stat.id);
                self.add(Tried::Socket(path.to_vec()), asked);
            }
            Ok(_) => {}
            Err(error) if error.leads_nowhere() => {}
            Err(error) => self.not_tried(Tried::Socket(path.to_vec()), Why::Unreadable(error), asked),
        });
    }

    /// The directories in which to make files.
    fn places(&mut self, target: &Target, checks: &[Check]) -> Mounts {
        let mounts = match target.owner.mounts() {
            Ok((mounts, _)) => mounts,
            Err(reason) => {
                self.not_tried(Tried::Write(b"/".to_vec()), Why::NoMounts(reason), self.asked.places());
                Mounts::default()
            }
        };
        for check in checks {
            let tried = match check.id {
                CheckId::ReadOnly => Tried::Write,
                CheckId::Noexec => Tried::Execute,
                _ => continue,
            };
            let Some(path) = path(check) else { continue };
            match self.root.walk(path, true) {
                Err(error) if error.silent().is_some() => {
                    self.not_tried(tried(path.to_vec()), Why::Unreadable(error), true);
                }
                place => {
                    let mount = place.ok().and_then(|place| mounts.covering(&place.path));
                    self.at(tried(path.to_vec()), mount, true);
                }
            }
        }
        for place in ["/", "/tmp", "/var/tmp", "/dev/shm"] {
            if let Ok(place) = self.root.walk(place.as_bytes(), true) {
                self.confined(&place);
            }
        }
        for mount in mounts.visible().filter(|mount| !is_kernels(&mount.filesystem)) {
            let point = &mount.point;
            match self.root.walk(point, true) {
                Ok(place) if place.stat.kind == Kind::Directory => self.confined(&place),
                Ok(_) => continue,
                Err(error) if error.silent().is_some() => {
                    let tried = Tried::Execute(point.clone());
                    if !self.unknown.iter().any(|known| known.tried == tried) {
                        self.not_tried(tried, Why::Unreadable(error), self.asked.execute(point));
                    }
                    continue;
                }
                Err(_) => {}
            }
            if mount.is_read_only() || point == b"/" {
                self.at(Tried::Write(point.clone()), Some(mount), self.asked.anything());
            }
            self.at(Tried::Execute(point.clone()), Some(mount), self.asked.execute(point));
        }
        mounts
    }

    /// Adds what is to be tried at a place that lies on this mount.
    fn at(&mut self, tried: Tried, mount: Option<&Mount>, counts: bool) {
        let option = if matches!(tried, Tried::Execute(_)) { "noexec" } else { "ro" };
        let stated = mount.and_then(|mount| ["ro", option].into_iter().find(|option| mount.has(option)));
        if !self.is_wanted(&tried) {
            self.wanted.push(Wanted { tried, counts, stated });
        }
    }

    fn confined(&mut self, place: &Place) {
        if self.asked.is_not_writable(place) {
            self.add_once(Tried::Confined(place.path.to_vec()), true);
        }
    }

    fn add_once(&mut self, tried: Tried, counts: bool) {
        if !self.is_wanted(&tried) {
            self.add(tried, counts);
        }
    }

    fn is_wanted(&self, tried: &Tried) -> bool {
        self.wanted.iter().any(|wanted| wanted.tried == *tried)
    }

    /// The programs to start, and those that may gain something.
    fn programs(&mut self, target: &Target) {
        let deadline = Deadline::after(SEARCH);
        let counts = self.asked.search();
        let target = |root| Target { root, owner: target.owner.clone() };
        let scan = match self.root.until(deadline).and_then(|root| scan_all(&target(root))) {
            Ok(scan) => scan,
            Err(error) => return self.not_tried(Tried::Search, Why::Unreadable(error), counts),
        };
        let Scan { programs, weaknesses, unreadable, .. } = scan;
        for weakness in weaknesses {
            if ["setuid", "setgid", "file-capabilities"].contains(&weakness.class) {
                self.add_once(Tried::Gain(weakness.path), self.asked.gain());
            }
        }
        for program in programs.iter().filter(|program| is_shell(program.known)) {
            self.program(program);
        }
        if deadline.is_over() {
            return self.not_tried(Tried::Search, Why::Late, counts);
        }
        for error in unreadable {
            if !self.is_closed(&error) {
                self.not_tried(Tried::Search, Why::Unreadable(error), counts);
            }
        }
    }

    fn program(&mut self, program: &Sighting) {
        let mut add = |path: &Canonical, by| {
            let counts = self.asked.start(program, path, &by);
            let tried = Tried::Start(Start { path: path.clone(), by });
            self.wanted.push(Wanted { tried, counts, stated: None });
        };
        let path = &program.path;
        add(path, By::Name);
        add(path, By::Descriptor);
        if let Ok(Some(Elf::Program { interpreter: Some(loader), .. })) = self.root.classify(path) {
            add(path, By::Loader(loader));
        }
        // A program with many names starts its shell by some of them.
        for name in &program.names {
            if program.known.class != Class::MultiCall || self.catalogue.by_name(name.name()).is_some_and(is_shell) {
                add(name, By::Name);
            }
        }
    }

    /// Whether this could not be looked at because this user may neither enter nor execute it: nothing can be started.
    fn is_closed(&self, error: &RootError) -> bool {
        let path = error.path();
        error.errno() == Errno::EACCES
            && (matches!(self.root.resolve(&InRoot(path).join(b".")), Err(error) if error.errno() == Errno::EACCES)
                || access(path, AccessFlags::X_OK) == Err(Errno::EACCES))
    }
}

/// Whether it is a shell or an interpreter, or has one in it.
fn is_shell(known: Known) -> bool {
    match known.class {
        Class::Shell | Class::Interpreter => true,
        Class::MultiCall => known.functions().any(|function| function == "shell"),
        _ => false,
    }
}
