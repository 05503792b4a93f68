//! What a seal leaves out, and the directories that only lead there.

use std::rc::Rc;

use super::digest::Scope;
use crate::harden::mark::{self, Mark, MarkError};
use crate::profile::Profile;
use crate::root::pattern::{Component, PathPattern};
use crate::root::{Canonical, InRoot, Link, Root, RootError};
use crate::target::runtime_files::{RUNTIME_FILES, is_runtime_file};

/// Where the kernel's filesystems are mounted.
const KERNEL: [&str; 3] = ["/dev", "/proc", "/sys"];

/// The list of mounts, which Docker makes, too: a link.
const MTAB: &str = "/etc/mtab";

/// Where runtimes mount what is secret. The directories on the way may be made for that.
const SECRETS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

/// Who asks that something is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// lithify: it is the kernel's or the runtime's.
    Always,
    /// `[seal] exclude` of this profile.
    Exclude(Rc<str>),
    /// `[verify.mounts] writable` of this profile.
    Writable(Rc<str>),
    /// `[verify.mounts] writable_if_present` of this profile.
    WritableIfPresent(Rc<str>),
}

/// One thing that is left out, with everything below it.
#[derive(Clone, Debug)]
pub struct Exclusion {
    /// The path or pattern, as the profile has it.
    pub text: String,
    /// Who asks for it.
    pub origin: Origin,
    /// What it matches.
    what: What,
    /// Whether it met something.
    met: bool,
}

#[derive(Clone, Debug)]
enum What {
    /// This path.
    Path(Vec<u8>),
    /// This path, if it may be a runtime's file.
    File(&'static [u8]),
    /// Every path that matches the pattern, and the directory below which all of them lie.
    Pattern(PathPattern, Vec<u8>),
}

/// Everything that a seal leaves out.
#[derive(Debug)]
pub struct Exclusions {
    list: Vec<Exclusion>,
    /// Why it is not known whether harden's mark is to be left out.
    pub(super) unread: Option<RootError>,
    /// Paths at which runtimes mount what an image need not have.
    secrets: Vec<Vec<u8>>,
}

impl Exclusions {
    /// What `profile` leaves out of a seal of `root`, and what is always left out. Links on the way to a path are
    /// followed as far as they exist: `/var/run/app` is `/run/app` where `/var/run` is a link to `/run`.
    ///
    /// A link is followed only if the seal states it, so that nobody can turn an exclusion unseen: not if it lies on
    /// another mount or in what another exclusion leaves out. A seal of [`Scope::Executables`] states no links: there
    /// the link, and the directory that holds it, must belong to the owner of the root, and nobody else may write there.
    pub fn of(root: &Root, profile: &Profile, scope: Scope) -> Self {
        let mut list = Vec::new();
        let kernel = KERNEL.map(|path| (path, What::Path(path.as_bytes().to_vec())));
        let runtime = RUNTIME_FILES.into_iter().chain([MTAB]).map(|path| (path, What::File(path.as_bytes())));
        for (path, what) in kernel.into_iter().chain(runtime) {
            list.push(Exclusion::new(path, Origin::Always, what));
        }
        let again = |error| match error {
            MarkError::Unreadable(error) if error.may_pass() => Mark::read(root),
            error => Err(error),
        };
        let mut unread = None;
        match Mark::read(root).or_else(again) {
            Ok(_) => list.push(Exclusion::new("/.lithify", Origin::Always, What::File(mark::PATH))),
            // It may be one.
            Err(MarkError::Unreadable(error)) => unread = Some(error),
            // What is there and is no mark is a file as any other.
            Err(_) => {}
        }
        for entry in &profile.exclude {
            let what = What::of(&entry.value);
            list.push(Exclusion::new(entry.value.as_str(), Origin::Exclude(Rc::clone(&entry.profile)), what));
        }
        let verify = &profile.verify;
        let named = verify.writable.iter().map(|path| (path, Origin::Writable(Rc::clone(&path.profile))));
        let if_present = verify.writable_if_present.iter();
        let if_present = if_present.map(|path| (path, Origin::WritableIfPresent(Rc::clone(&path.profile))));
        for (path, origin) in named.chain(if_present) {
            list.push(Exclusion::new(&path.value, origin, What::Path(path.value.clone().into_bytes())));
        }
        let list = resolved(root, &list, scope);
        Self { list, unread, secrets: SECRETS.map(|path| place(root, path.as_bytes(), &|_| true)).to_vec() }
    }

    /// Whether what is at `path` is left out, with everything below it. `is_foreign` says that it is no file that a
    /// runtime makes.
    pub fn leaves_out(&mut self, path: &Canonical, is_foreign: bool) -> bool {
        let mut left_out = false;
        for exclusion in &mut self.list {
            if exclusion.what.matches(path, is_foreign) {
                exclusion.met = true;
                left_out = true;
            }
        }
        left_out
    }

    /// Whether something that is left out, or a mount of a runtime, may lie below the directory at `path`. Such a
    /// directory may have been made only for that.
    pub(super) fn leads_to(&self, path: &Canonical) -> bool {
        let below = |place: &[u8]| InRoot(place).is_within(path);
        self.list.iter().any(|exclusion| match &exclusion.what {
            What::Path(place) => below(place),
            What::File(place) => below(place) && *path != *place,
            What::Pattern(_, directory) => below(directory),
        }) || self.secrets.iter().any(|place| below(place))
    }

    /// Where the places lie that the profile calls writable. A place behind a link that is not followed is the link.
    pub fn writable(&self) -> Vec<&[u8]> {
        let mut places = Vec::new();
        for exclusion in &self.list {
            if let (What::Path(place), Origin::Writable(_) | Origin::WritableIfPresent(_)) =
                (&exclusion.what, &exclusion.origin)
            {
                places.push(place.as_slice());
            }
        }
        places
    }

    /// Everything that is left out.
    pub fn iter(&self) -> impl Iterator<Item = &Exclusion> {
        self.list.iter()
    }
}

impl Exclusion {
    fn new(text: &str, origin: Origin, what: What) -> Self {
        Self { text: text.to_owned(), origin, what, met: false }
    }

    /// Whether the profile says that something is there, and nothing is.
    pub fn is_unmet(&self) -> bool {
        !self.met && matches!(self.origin, Origin::Exclude(_) | Origin::Writable(_))
    }
}

impl What {
    fn of(pattern: &PathPattern) -> Self {
        let literals = pattern.components().iter().map_while(|component| match component {
            Component::Literal(name) => Some(name.as_slice()),
            Component::Glob(_) | Component::AnyDepth => None,
        });
        let names: Vec<&[u8]> = literals.collect();
        let written = [&b"/"[..], &names.join(&b'/')].concat();
        if names.len() == pattern.components().len() {
            return Self::Path(written);
        }
        Self::Pattern(pattern.clone(), written)
    }

    fn matches(&self, path: &Canonical, is_foreign: bool) -> bool {
        match self {
            Self::File(place) => !is_foreign && *path == place,
            Self::Path(place) => *path == place,
            Self::Pattern(pattern, directory) => path.is_within(directory) && pattern.matches(path),
        }
    }
}

/// Whether runtimes make a file at `path`.
pub(super) fn is_of_runtime(path: &Canonical) -> bool {
    is_runtime_file(path) || *path == MTAB.as_bytes()
}

/// The exclusions, with the paths that they are written by resolved.
fn resolved(root: &Root, written: &[Exclusion], scope: Scope) -> Vec<Exclusion> {
    let resolve = |exclusion: &Exclusion, follows: &dyn Fn(&Link) -> bool| {
        let what = match &exclusion.what {
            What::Path(path) if exclusion.origin != Origin::Always => What::Path(place(root, path, follows)),
            what => what.clone(),
        };
        Exclusion { what, ..exclusion.clone() }
    };
    // A path that leads to the root says that the root is a writable mount, not that nothing is sealed.
    let is_root = |exclusion: &Exclusion| matches!(&exclusion.what, What::Path(place) if place == b"/");
    // Where each leads if any link is followed: no link may lie there that leads another one away.
    let mut areas: Vec<Exclusion> = written.iter().map(|exclusion| resolve(exclusion, &|_| true)).collect();
    areas.retain(|area| !is_root(area));
    let follows = |own: &Exclusion, link: &Link| {
        let others: Vec<&Exclusion> = areas.iter().filter(|area| area.text != own.text).collect();
        let on_the_way = |path: &Canonical| others.iter().any(|area| area.what.matches(path, *path != link.path));
        link.stat.mount == root.stat().mount
            && !on_the_way(&link.path)
            && !link.path.ancestors().any(|path| on_the_way(&path))
            && (scope == Scope::All || is_fixed(root, link))
    };
    let mut list: Vec<Exclusion> =
        written.iter().map(|exclusion| resolve(exclusion, &|link| follows(exclusion, link))).collect();
    list.retain(|exclusion| !is_root(exclusion));
    list
}

/// Whether only the owner of the root can put another link there.
fn is_fixed(root: &Root, link: &Link) -> bool {
    let owner = root.stat().uid;
    link.stat.uid == owner
        && link
            .path
            .ancestors()
            .all(|directory| root.stat_at(&directory).is_ok_and(|stat| stat.uid == owner && stat.mode & 0o022 == 0))
}

/// Where `path` leads, with links followed as far as they exist, and as far as `follows` allows it.
fn place(root: &Root, path: &[u8], follows: &dyn Fn(&Link) -> bool) -> Vec<u8> {
    let path = InRoot(path);
    match root.walk(path, true) {
        Ok(place) if place.links.iter().all(follows) => return place.path.into_bytes(),
        _ => {}
    }
    match path.name() {
        b"" => path.to_vec(),
        name => {
            let directory = path.directory();
            InRoot(&place(root, if directory.is_empty() { b"/" } else { directory }, follows)).join(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::load_text;
    use crate::root::path::canonical;

    fn exclusions(text: &str) -> (tempfile::TempDir, Exclusions) {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("run")).unwrap();
        std::fs::create_dir_all(tree.path().join("var")).unwrap();
        std::os::unix::fs::symlink("/run", tree.path().join("var/run")).unwrap();
        let profile = load_text("mine.toml", &format!("schema = 1\n{text}")).unwrap();
        let exclusions = Exclusions::of(&Root::open(tree.path()).unwrap(), &profile, Scope::All);
        (tree, exclusions)
    }

    #[test]
    fn what_profiles_name_and_what_is_always_left_out() {
        let (_tree, mut exclusions) = exclusions(
            "[seal]\nexclude = [\"/var/log\", \"/opt/**/*.pyc\"]\n[verify.mounts]\nwritable = [\"/var/run/app/x\"]\nwritable_if_present = [\"/none\", \"/\"]\n",
        );
        for path in ["/dev", "/etc/hosts", "/var/log", "/opt/a/b.pyc", "/run/app/x", "/none"] {
            assert!(exclusions.leaves_out(&canonical(path), false), "{path}");
        }
        for path in ["/", "/etc", "/var/run", "/var/logs", "/a.pyc", "/opt/a.py", "/run/app", "/etc/hosts.allow"] {
            assert!(!exclusions.leaves_out(&canonical(path), false), "{path}");
        }
        assert!(!exclusions.leaves_out(&canonical("/etc/hosts"), true), "a place to hide");
        for path in ["/", "/etc", "/run", "/run/app", "/opt", "/var"] {
            assert!(exclusions.leads_to(&canonical(path)), "{path}");
        }
        for path in ["/opt/a", "/usr", "/var/log/x"] {
            assert!(!exclusions.leads_to(&canonical(path)), "{path}");
        }
    }

    #[test]
    fn only_what_a_profile_says_is_there_can_be_unmet() {
        let (_tree, mut exclusions) = exclusions(
            "[seal]\nexclude = [\"/a\", \"/b\"]\n[verify.mounts]\nwritable = [\"/c\"]\nwritable_if_present = [\"/d\"]\n",
        );
        exclusions.leaves_out(&canonical("/a"), false);
        let unmet: Vec<&str> = exclusions.iter().filter(|e| e.is_unmet()).map(|e| e.text.as_str()).collect();
        assert_eq!(unmet, ["/b", "/c"]);
    }
}
