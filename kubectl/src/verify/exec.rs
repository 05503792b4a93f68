//! Many calls of kubectl, a few at a time, each with a time limit.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::cluster::said;
use crate::interrupt;

/// The most bytes that are read of one answer.
const MOST: u64 = 64 << 20;

/// How long an answer may lie in a pipe after the process has ended that wrote it.
const REST: Duration = Duration::from_secs(5);

/// How often a process is asked whether it has ended.
const TICK: Duration = Duration::from_millis(20);

/// What came back.
#[derive(Debug)]
pub(super) enum Answer {
    /// The report of `verify`.
    Report(Value),
    /// There is none.
    Failed { error: String, hint: Option<String> },
}

impl Default for Answer {
    fn default() -> Self {
        Self::failed("it was not asked")
    }
}

impl Answer {
    fn failed(error: impl Into<String>) -> Self {
        Self::Failed { error: error.into(), hint: None }
    }
}

/// The processes that run.
type Running = Mutex<Vec<u32>>;

/// The answers to calls of kubectl with these arguments, in their order. `progress` learns how many there are. A
/// signal that ends the plugin ends them, too.
pub(super) fn all(
    calls: &[Vec<String>],
    parallel: usize,
    time: Duration,
    progress: &mut dyn FnMut(usize),
) -> Vec<Answer> {
    let mut answers: Vec<Answer> = calls.iter().map(|_| Answer::default()).collect();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = channel();
    let running: Arc<Running> = Arc::default();
    let held = Arc::clone(&running);
    interrupt::before_end(move || {
        let held = held.lock().unwrap_or_else(PoisonError::into_inner);
        for pid in held.iter().filter_map(|pid| i32::try_from(*pid).ok()) {
            // They have the signals blocked that this process waits for.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        // While it is held, nobody starts another.
        std::mem::forget(held);
    });
    std::thread::scope(|scope| {
        for _ in 0..parallel.clamp(1, calls.len().max(1)) {
            let (sender, next, running) = (sender.clone(), &next, &running);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(call) = calls.get(number) else { return };
                    if sender.send((number, one(call, time, running))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (done, (number, answer)) in receiver.iter().enumerate() {
            if let Some(place) = answers.get_mut(number) {
                *place = answer;
            }
            progress(done + 1);
        }
    });
    answers
}

fn one(arguments: &[String], time: Duration, running: &Running) -> Answer {
    let deadline = Instant::now() + time;
    let mut command = Command::new("kubectl");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        match command.spawn() {
            Ok(child) => {
                running.push(child.id());
                child
            }
            Err(error) => return Answer::failed(format!("kubectl: {error}")),
        }
    };
    let output = child.stdout.take().map(read);
    let errors = child.stderr.take().map(read);
    if !ends(&mut child, deadline, running) {
        return Answer::Failed {
            error: format!("no answer within {} s", lithify::text::seconds::format(time)),
            hint: Some("give it more with --timeout, or look at the container's CPU limit".to_owned()),
        };
    }
    let text = |pipe: Option<Receiver<Vec<u8>>>| pipe.and_then(|pipe| pipe.recv_timeout(REST).ok()).unwrap_or_default();
    answer(&text(output), &text(errors))
}

/// Reads a pipe to its end, beside everything else: who else holds its other end may never close it.
fn read(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(MOST).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
        // What is too long is no answer, and must not stop whoever writes it.
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    });
    receiver
}

/// Waits for the process. One that does not end in time is killed.
fn ends(child: &mut Child, deadline: Instant, running: &Running) -> bool {
    loop {
        // Once it is taken, another process may have its number.
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = match child.try_wait() {
            Ok(None) if Instant::now() < deadline => {
                drop(running);
                std::thread::sleep(TICK);
                continue;
            }
            Ok(Some(_)) => true,
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                false
            }
        };
        running.retain(|pid| *pid != child.id());
        return ended;
    }
}

/// What lithify said, or what kubectl or the runtime said in its place.
fn answer(output: &[u8], errors: &[u8]) -> Answer {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Ok(report) = serde_json::from_slice::<Value>(output) {
        if report.get("checks").is_some_and(Value::is_array) {
            return Answer::Report(report);
        }
        if let Some(error) = text(&report, "error") {
            return Answer::Failed { error, hint: text(&report, "hint") };
        }
    }
    let errors = said(&String::from_utf8_lossy(errors));
    // kubectl's own last line only repeats the exit code.
    let lines: Vec<&str> =
        errors.lines().filter(|line| !line.starts_with("command terminated with exit code")).collect();
    let (hint, error): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.trim_start().starts_with("fix: "));
    let error = error
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
        .replace(":; ", ": ");
    let hint = hint.first().map(|line| line.trim_start().trim_start_matches("fix: ").to_owned());
    match error.as_str() {
        "" => Answer::failed("lithify said nothing"),
        _ => Answer::Failed { error: error.chars().take(1000).collect(), hint },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_report_is_a_reason() {
        let reason = |output: &str, errors: &str| match answer(output.as_bytes(), errors.as_bytes()) {
            Answer::Report(report) => format!("{report}"),
            Answer::Failed { error, hint } => format!("{error}|{}", hint.unwrap_or_default()),
        };
        assert_eq!(reason("{\"checks\":[]}\n", "command terminated with exit code 1\n"), "{\"checks\":[]}");
        assert_eq!(reason("{\"error\":\"no profile\",\"hint\":\"name one\"}", ""), "no profile|name one");
        let refused = "lithify accepts only these command lines here, word for word:\n  sleep 5\n  fix: add it\ncommand terminated with exit code 2\n";
        assert_eq!(reason("", refused), "lithify accepts only these command lines here, word for word: sleep 5|add it");
        for output in ["", "[]", "{}", "{\"checks\":1}", "no"] {
            assert_eq!(reason(output, ""), "lithify said nothing|", "{output}");
        }
    }
}
