//! `learn`: what is seen of an app in a real container, and what becomes of the app.

mod nginx;

use crate::harness::Ran;

/// The lines of a list of the profile that a run has printed: each entry with its comment.
#[track_caller]
pub fn list<'r>(profile: &'r str, key: &str) -> Vec<&'r str> {
    let start = format!("{key} = [");
    assert!(profile.lines().any(|line| line == start), "no {key} in:\n{profile}");
    let lines = profile.lines().skip_while(|line| *line != start).skip(1);
    lines.take_while(|line| *line != "]").map(str::trim).collect()
}

/// The line of this entry.
#[track_caller]
pub fn entry<'r>(profile: &'r str, key: &str, path: &str) -> &'r str {
    let start = format!("\"{path}\",");
    let found = list(profile, key).into_iter().find(|line| line.starts_with(&start));
    found.unwrap_or_else(|| panic!("no {path} in {key} of:\n{profile}"))
}

/// The profile on standard output, which `profile check` accepts.
#[track_caller]
pub fn profile(ran: &Ran) -> &str {
    let start = ran.stdout.find("# Written by").unwrap_or_else(|| panic!("no profile: {}", ran.all()));
    let profile = &ran.stdout[start..];
    // A container's log holds both streams.
    let profile = profile.split("lithify learn /").next().unwrap();
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), profile).unwrap();
    crate::harness::run_lithify(["profile", "check", file.path().to_str().unwrap()]).exits(0);
    profile
}
