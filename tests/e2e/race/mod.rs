//! Names that are swapped, moved, replaced and mounted over as fast as it goes, while each command that reads or deletes
//! runs again and again, with each way to resolve paths. Nothing outside of the root changes or gets into what is printed or
//! written. `just race SECONDS` takes its time; a test run takes some seconds.

mod attack;
mod container;
mod tree;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;

use crate::harness::program::{CODE, denying};
use crate::harness::{Ran, lithify, run};
use attack::{ATTACKS, Counts};
use tree::{CANARY, Raced};

/// The commands, as they are called; `ROOT` is the tree that is attacked, `VOLUME` a directory beside it.
const COMMANDS: [&str; 11] = [
    "harden --root ROOT -p PROFILE",
    "harden --root ROOT -p PROFILE --dry-run -v",
    "verify --root ROOT -p PROFILE -v",
    "scan --root ROOT --format json",
    "seal --root ROOT --out VOLUME/manifest",
    "seal --root ROOT --after -p PROFILE --out VOLUME/manifest",
    "diff --root ROOT --since 1",
    "stage --root ROOT -p PROFILE /usr/bin /data --to VOLUME",
    "install VOLUME",
    "probe file ROOT/data/file",
    "run -p /profile.toml",
];

/// What the kernel does not have: nothing, openat2(2), and also statx(2).
fn ways() -> [(&'static str, Vec<u8>); 3] {
    let missing =
        |calls: &[libc::c_long]| denying(&calls.iter().map(|&call| (call, Errno::ENOSYS as i32)).collect::<Vec<_>>());
    [
        ("all calls", missing(&[])),
        ("without openat2", missing(&[libc::SYS_openat2])),
        ("without openat2 and statx", missing(&[libc::SYS_openat2, libc::SYS_statx])),
    ]
}

/// A command, started by a program that has some system calls refused.
fn called(text: &str, tree: &Raced) -> Ran {
    if let Some(flags) = text.strip_prefix("run ") {
        return container::run_app(flags, tree);
    }
    let mut command = Command::new(tree.programs().join("start"));
    command.env_clear().arg(lithify());
    command.args(text.split(' ').map(|word| {
        let places = [("ROOT", tree.root()), ("VOLUME", tree.volume())];
        let word = places.iter().fold(word.to_owned(), |word, (name, path)| word.replace(name, path.to_str().unwrap()));
        word.replace("PROFILE", tree.profile().to_str().unwrap())
    }));
    run(&mut command)
}

/// How often a command ended with each exit code.
type Codes = BTreeMap<i32, usize>;

/// Runs one command until the time is over, while the attacks go on. Returns how it ended, and what it met.
fn race(text: &str, denying: &[u8], time: Duration) -> (Codes, Counts) {
    // What is mounted in this thread's namespace goes with it.
    let tree = Raced::new();
    tree.executable(&tree.programs().join("start"), denying);
    container::furnish(&tree);
    let canary = tree.canary();
    let (stop, begun) = (AtomicBool::new(false), Instant::now());
    std::thread::scope(|scope| {
        // Also where an assertion fails.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let end = Stop(&stop);
        let attacks: Vec<_> = ATTACKS.iter().map(|attack| scope.spawn(|| attack(&tree, &stop))).collect();
        let mut codes = Codes::new();
        while begun.elapsed() < time {
            tree.restore();
            let ran = called(text, &tree);
            *codes.entry(ran.code).or_default() += 1;
            let allowed: &[i32] = if text.starts_with("run ") { &[CODE, 125] } else { &[0, 1, 3] };
            assert!(allowed.contains(&ran.code), "{text}: {ran:?}");
            let written = tree.written();
            assert!(!ran.all().contains(CANARY), "{text} prints what is outside: {}", ran.all());
            assert!(!written.contains(CANARY), "{text} writes what is outside: {written}");
            assert_eq!(tree.canary(), canary, "{text} changed what is outside: {}", ran.all());
        }
        drop(end);
        let counts = attacks.into_iter().map(|attack| attack.join().unwrap());
        (codes, counts.fold(Counts::default(), |sum, count| sum + count))
    })
}

#[test]
fn each_command_while_names_change() {
    let seconds = std::env::var("LITHIFY_RACE_SECONDS").map_or(16, |text| text.parse::<u64>().unwrap());
    let ways = ways();
    let each = Duration::from_secs(seconds) / u32::try_from(COMMANDS.len() * ways.len()).unwrap();
    for text in COMMANDS {
        let (mut all, mut ended) = (Counts::default(), String::new());
        for (name, denying) in &ways {
            // A namespace of its own for each.
            let (codes, counts) = std::thread::scope(|scope| scope.spawn(|| race(text, denying, each)).join().unwrap());
            assert!(!codes.is_empty() && counts.swaps > 0, "{text}, {name}: {codes:?}, {counts}");
            all = all + counts;
            let _ = write!(ended, "; {name}:");
            for (code, count) in codes {
                let _ = write!(ended, " {count} times exit {code}");
            }
        }
        println!("{text}: {all}{ended}");
    }
}
