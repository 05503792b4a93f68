//! What a root offers to an intruder, in figures.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::tree::resolve;

/// One root, as the node sees it.
#[derive(Debug)]
pub struct Figures {
    /// Files that the kernel would start: ELF or `#!`, with an x bit.
    programs: usize,
    /// Bytes of them and of libraries.
    bytes: u64,
    /// Names of programs and of links to them that GTFOBins has an entry for.
    gtfobins: usize,
    /// Packages of Debian, and whether a program or a library of each is there.
    packages: BTreeMap<String, bool>,
}

impl Figures {
    pub fn of(root: &Path) -> Self {
        let mut walk = Walk::default();
        walk.directory(root, root);
        let known: BTreeSet<&str> =
            include_str!("../../data/gtfobins.tsv").lines().filter_map(|line| Some(line.split_once('\t')?.0)).collect();
        let mut names: BTreeSet<String> = BTreeSet::new();
        for path in walk.links.iter().chain(&walk.programs) {
            let leads = resolve(root, path, 0).is_some_and(|target| walk.programs.contains(&target));
            let name = path.file_name().unwrap().to_string_lossy();
            if leads && known.contains(&*name) {
                names.insert(name.into_owned());
            }
        }
        let packages = packages(root, &walk.executables);
        Self { programs: walk.programs.len(), bytes: walk.bytes, gtfobins: names.len(), packages }
    }

    /// The cells of a table: before and after.
    pub fn cells(before: &Self, after: &Self) -> String {
        let megabytes = |bytes: u64| (bytes + 500_000) / 1_000_000;
        let (with, left) =
            before.packages.iter().filter(|(_, executable)| **executable).fold((0, 0), |(with, left), (name, _)| {
                (with + 1, left + usize::from(after.packages.get(name) == Some(&true)))
            });
        let packages = if with == 0 { "none there".to_owned() } else { format!("{} of {with}", with - left) };
        format!(
            "{} → {} | {} → {} | {} → {} | {packages}",
            before.programs,
            after.programs,
            megabytes(before.bytes),
            megabytes(after.bytes),
            before.gtfobins,
            after.gtfobins,
        )
    }
}

#[derive(Default)]
struct Walk {
    programs: BTreeSet<PathBuf>,
    /// Programs and libraries.
    executables: BTreeSet<PathBuf>,
    links: BTreeSet<PathBuf>,
    bytes: u64,
}

impl Walk {
    fn directory(&mut self, root: &Path, directory: &Path) {
        for entry in fs::read_dir(directory).unwrap() {
            let at = entry.unwrap().path();
            let path = Path::new("/").join(at.strip_prefix(root).unwrap());
            let metadata = at.symlink_metadata().unwrap();
            if metadata.is_dir() {
                if !["/proc", "/sys", "/dev", "/lithify"].iter().any(|own| path == Path::new(own)) {
                    self.directory(root, &at);
                }
            } else if metadata.is_symlink() {
                self.links.insert(path);
            } else if metadata.is_file() {
                let mut start = [0; 4];
                let _ = fs::File::open(&at).unwrap().read(&mut start);
                let has_x = metadata.permissions().mode() & 0o111 != 0;
                let is_elf = &start == b"\x7fELF";
                let is_library = at.file_name().unwrap().to_string_lossy().contains(".so");
                if is_elf || has_x && start.starts_with(b"#!") {
                    self.bytes += metadata.len();
                    self.executables.insert(path.clone());
                    if has_x && !is_library {
                        self.programs.insert(path);
                    }
                }
            }
        }
    }
}

/// The packages of a root's database, and whether one of these files is theirs.
fn packages(root: &Path, executables: &BTreeSet<PathBuf>) -> BTreeMap<String, bool> {
    let lists = fs::read_dir(root.join("var/lib/dpkg/info")).into_iter().flatten();
    let lists =
        lists.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "list"));
    let is_there = |line: &str| {
        // Packages have names from before the directories of `/` became links.
        let merged = PathBuf::from(format!("/usr{line}"));
        executables.contains(Path::new(line)) || executables.contains(&merged)
    };
    lists
        .map(|list| {
            let name = list.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(list).unwrap().lines().any(is_there))
        })
        .collect()
}
