//! What to try: lists it, and reads only. `run` does that before it gives up its privileges, because the app's user may not
//! see everything.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use super::TIME;
use super::asked::{Asked, path};
use super::attempt::{Attempt, By, End, Start, Tried, Why};
use crate::linux::deadline::Deadline;
use crate::profile::Profile;
use crate::recognise::catalogue::{Catalogue, Class, Known};
use crate::recognise::elf::Elf;
use crate::root::{Canonical, InRoot, Kind, Root, RootError};
use crate::scan::{Scan, Sighting, scan_all};
use crate::target::Target;
use crate::verify::{Check, CheckId, RUNTIME_SOCKETS};

/// How long the search for programs may take.
const SEARCH: Duration = Duration::from_secs(6);

/// Filesystems of the kernel, in which nobody makes files.
const KERNEL: [&[u8]; 16] = [
    b"proc",
    b"sysfs",
    b"cgroup",
    b"cgroup2",
    b"devpts",
    b"mqueue",
    b"securityfs",
    b"debugfs",
    b"tracefs",
    b"bpf",
    b"pstore",
    b"configfs",
    b"efivarfs",
    b"selinuxfs",
    b"fusectl",
    b"binfmt_misc",
];

/// What is to be tried.
#[derive(Debug)]
pub struct Listed {
    /// What to try, and whether it must not succeed. What takes longest comes last.
    pub(super) wanted: Vec<(Tried, bool)>,
    /// What is not known.
    pub(super) unknown: Vec<Attempt>,
    /// When all must be done.
    pub(super) deadline: Deadline,
}

impl Listed {
    /// Lists what to try in this process's root, which `target` is. `checks` are those that verification has made of what
    /// `profile` asks for.
    pub fn new(target: &Target, profile: &Profile, checks: &[Check]) -> Self {
        let deadline = Deadline::after(TIME);
        let root = &target.root;
        let asked = Asked::new(root, profile, checks);
        let mut lister =
            Lister { root, asked: &asked, catalogue: Catalogue::default(), wanted: Vec::new(), unknown: Vec::new() };
        lister.calls();
        lister.places(target, checks);
        lister.programs();
        Self { wanted: lister.wanted, unknown: lister.unknown, deadline }
    }
}

struct Lister<'a> {
    root: &'a Root,
    asked: &'a Asked<'a>,
    catalogue: Catalogue,
    wanted: Vec<(Tried, bool)>,
    unknown: Vec<Attempt>,
}

impl Lister<'_> {
    fn add(&mut self, tried: Tried, counts: bool) {
        self.wanted.push((tried, counts));
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
        for path in RUNTIME_SOCKETS {
            if self.root.resolve(path.as_bytes()).is_ok_and(|stat| stat.kind == Kind::Other) {
                self.add(Tried::Socket(path), asked.socket());
            }
        }
    }

    /// The directories in which to make files.
    fn places(&mut self, target: &Target, checks: &[Check]) {
        let asked_for = |id| checks.iter().filter(move |check| check.id == id).filter_map(path);
        let mut read_only: Vec<(Vec<u8>, bool)> =
            asked_for(CheckId::ReadOnly).map(|path| (path.to_vec(), true)).collect();
        let mut noexec: Vec<(Vec<u8>, bool)> = asked_for(CheckId::Noexec).map(|path| (path.to_vec(), true)).collect();
        let mounts = target.owner.mounts().map(|(mounts, _)| mounts).unwrap_or_default();
        for mount in mounts.visible().filter(|mount| !KERNEL.contains(&mount.filesystem.as_slice())) {
            if self.root.resolve(&mount.point).is_ok_and(|stat| stat.kind != Kind::Directory) {
                continue;
            }
            if mount.is_read_only() || mount.point == b"/" {
                read_only.push((mount.point.clone(), self.asked.anything()));
            }
            noexec.push((mount.point.clone(), self.asked.execute(&mount.point)));
        }
        for (places, tried) in [(read_only, Tried::Write as fn(Vec<u8>) -> Tried), (noexec, Tried::Execute)] {
            for (place, counts) in places {
                let tried = tried(place);
                if !self.wanted.iter().any(|(other, _)| *other == tried) {
                    self.add(tried, counts);
                }
            }
        }
    }

    /// The programs to start, and those that may gain something.
    fn programs(&mut self) {
        let deadline = Deadline::after(SEARCH);
        let counts = self.asked.search();
        let scan = match Target::open(Path::new("/"), deadline).and_then(|target| scan_all(&target)) {
            Ok(scan) => scan,
            Err(error) => return self.not_tried(Tried::Search, Why::Unreadable(error), counts),
        };
        let Scan { programs, weaknesses, unreadable, .. } = scan;
        for weakness in weaknesses {
            if ["setuid", "setgid", "file-capabilities"].contains(&weakness.class) {
                let tried = Tried::Gain(weakness.path);
                if !self.wanted.iter().any(|(other, _)| *other == tried) {
                    let counts = self.asked.gain();
                    self.add(tried, counts);
                }
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
            let counts = self.asked.start(program, path);
            self.wanted.push((Tried::Start(Start { path: path.clone(), by }), counts));
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
