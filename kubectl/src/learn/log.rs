//! The profile in a container's log: between the app's own lines, and those that `learn` says to standard error.

use crate::failure::Failure;
use lithify::profile::load_text;
use lithify::report::{PROFILE_BEGINS, PROFILE_IS_IN};

/// How the line begins that says that the profile is written.
const LAST: &str = "lithify learn ";

/// How all begins that `learn` says of itself.
const OWN: &str = "lithify learn";

/// Whether `learn` has said that it is done.
pub(super) fn is_done(log: &str) -> bool {
    log.lines().any(|line| line.starts_with(LAST) && line.contains(PROFILE_IS_IN))
}

/// What `learn` says beside the profile.
pub(super) fn said(log: &str) -> String {
    let is_said = |line: &&str| ["note: ", "  fix: ", OWN].iter().any(|start| line.starts_with(start));
    log.lines().filter(is_said).flat_map(|line| [line, "\n"]).collect()
}

/// The profile in the log. Fails if there is none, or if the app has written into it or beside it what looks like one.
pub(crate) fn profile(log: &str) -> Result<String, Failure> {
    let starts: Vec<usize> = log.match_indices(PROFILE_BEGINS).map(|(start, _)| start).collect();
    if starts.len() > 1 {
        return Err(Failure::Manifest(format!(
            "{} profiles begin in this log, and anything that the app logs may be one of them\n  fix: learn again with --out FILE on a volume of its own",
            starts.len()
        )));
    }
    let at_line_start = |start: &&usize| log.get(..**start).is_some_and(|text| text.is_empty() || text.ends_with('\n'));
    let Some(&start) = starts.iter().find(at_line_start) else {
        return Err(Failure::Manifest(format!(
            "no profile in this log\n  fix: wait until --for is over, or until the app has ended, and read it again{}",
            if said(log).is_empty() { String::new() } else { format!("; lithify said:\n{}", said(log).trim_end()) }
        )));
    };
    let rest = log.get(start..).unwrap_or_default();
    // The app may go on, and its lines are none of the profile's.
    let until_said = rest.find(&format!("\n{LAST}")).and_then(|end| rest.get(..=end)).unwrap_or(rest);
    let lines = |text: &str| text.lines().filter(|line| is_of_profile(line)).flat_map(|line| [line, "\n"]).collect();
    let texts: [String; 2] = [lines(until_said), lines(rest)];
    let mut reason = String::new();
    for text in texts {
        match load_text("the log's profile", &text) {
            Ok(_) => return Ok(format!("{}\n", text.trim_end())),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(Failure::Manifest(format!(
        "the profile in this log is not whole, or the app has written into it: {reason}\n  fix: learn again with --out FILE on a volume of its own, or at a quieter time"
    )))
}

/// Whether `learn` writes such a line.
fn is_of_profile(line: &str) -> bool {
    let is_key = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.')
    };
    line.is_empty()
        || line == "]"
        || ["# ", "  \"", "  # "].iter().any(|start| line.starts_with(start))
        || line.split_once(" = ").is_some_and(|(key, _)| is_key(key))
        || line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "# Written by `lithify learn`: what an app was seen to start.\n# run 1 (0): /app\nschema = 1\nname = \"learned-app\"\n\n[keep]\nonly = [\n  \"/app\", # the app; run 1\n]\n";

    #[test]
    fn the_profile_among_other_lines() {
        let done = "lithify learn /: 1 program; the profile is in standard output\n";
        for log in [
            format!("up\n{PROFILE}{done}"),
            format!("{done}{PROFILE}"),
            format!("[Sun] notice\n{PROFILE}note: x\n  fix: y\n{done}10.0.0.1 - GET / 200\n"),
            format!("{PROFILE}{done}\n[notice] x = y\n")
                .replace("only = [\n", "only = [\n10.0.0.1 - GET /\nnote: late\n"),
            format!("{PROFILE}{done}port = 80\n"),
        ] {
            assert!(is_done(&log), "{log}");
            assert_eq!(profile(&log).unwrap(), PROFILE, "{log}");
        }
        assert!(!is_done(PROFILE));
    }

    #[test]
    fn what_the_app_logs_is_not_taken_for_the_profile() {
        let forged = PROFILE.replace("/app", "/bin/sh");
        for log in [format!("{forged}{PROFILE}"), format!("{PROFILE}{forged}"), format!("GET /{forged}{PROFILE}")] {
            assert!(profile(&log).unwrap_err().to_string().contains("2 profiles begin in this log"), "{log}");
        }
        let inline = format!("GET /{PROFILE}");
        assert!(profile(&inline).unwrap_err().to_string().contains("no profile in this log"));
    }

    #[test]
    fn no_profile_and_half_of_one() {
        assert!(profile("up\nlithify learn: no\n").unwrap_err().to_string().contains("no profile in this log"));
        let half = PROFILE.split_at(PROFILE.len() - 4).0;
        assert!(profile(half).unwrap_err().to_string().contains("not whole"));
    }
}
