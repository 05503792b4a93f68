//! Every system call of every command, made to fail once with each error that it can have, and the command killed there once.
//! The calls are found by running each command under a tracer first; the commands are those that `--help` names. `just
//! faults` tries all of it, a test run a sample that changes with each commit.

mod calls;
mod judge;
mod lasting;
mod place;
mod scenario;
mod tracer;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::run_lithify;
use calls::row;
use judge::{Expected, Faulty};
use place::Programs;
use scenario::Scenario;
use tracer::{Action, Fault};

/// The commands that `lithify WORDS --help` names, each by its words.
fn commands(words: &[&str]) -> Vec<String> {
    let help = run_lithify(words.iter().copied().chain(["--help"])).exits(0).stdout;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut found = Vec::new();
    for name in lines.map(|line| line.split_whitespace().next().unwrap()) {
        let command = [words, &[name]].concat();
        let inner = if name == "help" { Vec::new() } else { commands(&command) };
        if !inner.is_empty() {
            found.extend(inner);
        } else if words.is_empty() || name != "help" {
            found.push(command.join(" "));
        }
    }
    found
}

#[test]
fn every_command_has_a_scenario() {
    let all = scenario::all(1);
    for command in commands(&[]) {
        assert!(
            all.iter().any(|scenario| scenario.command == command),
            "`lithify {command}` has no scenario in tests/e2e/faults/scenario.rs"
        );
    }
}

/// The commit that is tested, as a number.
fn commit() -> u64 {
    let git = Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "HEAD"]).output();
    let hash = git.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    u64::from_str_radix(hash.get(..15).unwrap_or_default(), 16).unwrap_or_default()
}

/// A number that is different for each input (splitmix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

struct Try<'a> {
    scenario: &'a Scenario,
    expected: &'a Expected,
    fault: Fault,
}

/// How many places are made, and then used, one after the other: each is a little older than what starts in it.
const BATCH: usize = 8;

/// Every fault of every scenario: for each call, each of its errors and a kill.
fn tries(all: &[(Scenario, Expected)]) -> Vec<Try<'_>> {
    let mut tries = Vec::new();
    for (scenario, expected) in all {
        for &(number, count) in &expected.ended.calls {
            for nth in 1..=count {
                let fails = row(number).errors().map(Action::Fail);
                for action in fails.chain([Action::Kill]) {
                    tries.push(Try { scenario, expected, fault: Fault { number, nth, times: 1, action } });
                }
            }
        }
    }
    tries
}

/// Tries all of it in an order that the seed makes, until the time is over. `strict` also fails for an unclear word.
fn report(seed: u64, time: Duration, strict: bool, all: &[(Scenario, Expected)]) {
    let programs = Programs::new();
    let mut tries = tries(all);
    let (total, begun) = (tries.len(), Instant::now());
    tries.sort_by_cached_key(|one| {
        let fault = one.fault;
        let action = if let Action::Fail(errno) = fault.action { errno as u64 } else { 0 };
        let name = one.scenario.name().bytes().fold(seed, |sum, byte| mix(sum ^ u64::from(byte)));
        mix(name ^ mix(u64::try_from(fault.number).unwrap() << 32 | (fault.nth as u64) << 8 | action))
    });
    println!("{total} faults");
    let next = AtomicUsize::new(0);
    // By command: how many were tried, and how many of these met their call.
    let counts: Mutex<BTreeMap<&str, [usize; 2]>> = Mutex::default();
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        // Most of a try is waiting: for a stop of the traced command, or for the kernel to unmount.
        for _ in 0..4 * std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while begun.elapsed() < time {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    let Some(batch) = tries.get(first.min(tries.len())..tries.len().min(first + BATCH)) else { break };
                    if batch.is_empty() {
                        break;
                    }
                    let places: Vec<_> = batch.iter().map(|one| one.scenario.place(&programs)).collect();
                    let faulty = batch
                        .iter()
                        .zip(places)
                        .map(|(one, place)| Faulty::run(&programs, one.scenario, one.expected, place, one.fault));
                    let faulty: Vec<_> = faulty.collect();
                    for (one, faulty) in batch.iter().zip(faulty) {
                        let judged = faulty.again(&programs);
                        let mut counts = counts.lock().unwrap();
                        if counts.values().map(|[tried, _]| tried + 1).sum::<usize>() % 10_000 == 0 {
                            println!("{counts:?} after {} s", begun.elapsed().as_secs());
                        }
                        let count = counts.entry(one.scenario.command).or_default();
                        *count = [count[0] + 1, count[1] + usize::from(judged.met)];
                        if !judged.wrong.is_empty() {
                            let what = format!("lithify {}: {}", one.scenario.name(), judge::shown(one.fault));
                            println!("WRONG {what}: {}", judged.wrong);
                            if strict || judged.is_grave() {
                                wrong.lock().unwrap().push(format!("{what}: {}", judged.wrong));
                            }
                        }
                    }
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    for (command, [tried, met]) in &counts {
        println!("{command}: {tried} runs, {met} of them with a fault");
    }
    let [tried, met] = counts.values().fold([0, 0], |sum, count| [sum[0] + count[0], sum[1] + count[1]]);
    println!(
        "{tried} of {total} faults of {} system calls in {} scenarios tried in {} s, {met} met",
        all.iter().flat_map(|(_, expected)| &expected.ended.calls).map(|(_, count)| count).sum::<usize>(),
        all.len(),
        begun.elapsed().as_secs()
    );
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} runs went wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 0 && met * 10 >= tried * 9, "only {met} of {tried} faults were met");
}

fn expected(only: &str) -> Vec<(Scenario, Expected)> {
    let programs = Programs::new();
    let all = scenario::all(scenario::server()).into_iter();
    let chosen = all.filter(|scenario| scenario.name().starts_with(only));
    chosen
        .map(|scenario| (Expected::of(&programs, &scenario), scenario))
        .map(|(expected, scenario)| (scenario, expected))
        .collect()
}

/// `LITHIFY_FAULTS` says how many seconds it takes, or `all`, and `LITHIFY_FAULTS_OF` the words by which the command lines
/// begin that are tried.
#[test]
fn of_every_system_call() {
    let seed = commit();
    let asked = std::env::var("LITHIFY_FAULTS");
    let time = match asked.as_deref() {
        Ok("all") => Duration::MAX,
        Ok(seconds) => Duration::from_secs(seconds.parse().unwrap()),
        Err(_) => Duration::from_secs(60),
    };
    println!("seed: {seed:x}");
    report(seed, time, asked.is_ok(), &expected(&std::env::var("LITHIFY_FAULTS_OF").unwrap_or_default()));
}
