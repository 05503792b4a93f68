//! `diff` as JSON: one object, described by `schema/diff.schema.json`.

use serde::Serialize;

use super::volumes::{Named, named, warnings};
use super::{DiffReport, From, group, user};
use crate::drift::{Event, Sign};
use crate::linux::time::Time;
use crate::text::escape::escape;
use crate::text::json_line::json_line;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    command: &'static str,
    version: &'static str,
    root: &'a str,
    exit_code: u8,
    from: &'static str,
    since: String,
    changes: Vec<Change>,
    volumes: Vec<Volume<'a>>,
    warnings: Vec<String>,
    unverified: Vec<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Change {
    path: String,
    kind: &'static str,
    event: &'static str,
    executable: Option<&'static str>,
    changed: String,
    mode: String,
    uid: u32,
    user: String,
    gid: u32,
    group: String,
    size: u64,
}

#[derive(Serialize)]
struct Volume<'a> {
    name: String,
    #[serde(rename = "mountPath")]
    mount_path: &'a str,
    hides: u64,
}

pub(super) fn write(report: &DiffReport, further: &[String]) -> String {
    let change = |change: &crate::drift::Change| Change {
        path: escape(&change.path),
        kind: change.stat.kind.name(),
        event: match change.event {
            Event::Changed => "changed",
            Event::Made => "made",
            Event::Emptied => "emptied",
            Event::Attributes => "attributes",
        },
        executable: change.sign.map(|sign| match sign {
            Sign::Mode => "mode",
            Sign::Elf => "elf",
            Sign::Script => "script",
        }),
        changed: time(change.changed),
        mode: format!("{:04o}", change.stat.mode & 0o7777),
        uid: change.stat.uid,
        user: user(&report.accounts.0, change.stat.uid),
        gid: change.stat.gid,
        group: group(&report.accounts.1, change.stat.gid),
        size: change.stat.size,
    };
    let volume = |Named { name, path, volume }| Volume { name, mount_path: path, hides: volume.hides };
    json_line(&Document {
        schema: 1,
        command: "diff",
        version: env!("CARGO_PKG_VERSION"),
        root: &report.root,
        exit_code: report.exit().code(),
        from: match report.from {
            From::Start => "start",
            From::Seconds => "seconds",
        },
        since: time(report.writes.since.start),
        changes: report.writes.changes.list.iter().map(change).collect(),
        volumes: named(&report.writes.volumes).into_iter().map(volume).collect(),
        warnings: warnings(&report.writes.volumes),
        unverified: report.writes.changes.unreadable.iter().map(ToString::to_string).collect(),
        notes: report.notes().into_iter().chain(further.iter().cloned()).collect(),
    })
}

/// Seconds since 1970.
fn time(time: Time) -> String {
    format!("{}.{:09}", time.seconds, time.nanoseconds)
}
