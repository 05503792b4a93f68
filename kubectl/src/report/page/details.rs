//! Everything that was seen, container by container.

use super::super::audited::{Audited, Check, Outcome, Record};
use super::super::markup::Html;
use super::{chip, status};

pub(super) fn sections(html: &mut Html, containers: &[&Audited]) {
    html.raw("<h2>What was seen</h2>\n");
    for (number, audited) in containers.iter().enumerate() {
        html.raw("<section class=\"container\" id=\"c").number(number).raw("\">\n<h3>");
        html.text(&audited.place());
        if !audited.container.is_empty() {
            html.put(" \u{b7} ", &audited.container, "");
        }
        html.raw("</h3> ");
        chip(html, audited.state());
        html.put("\n<p class=\"soft\">", &about(audited), "</p>\n");
        match &audited.outcome {
            Outcome::Verified(record) => record_of(html, record),
            Outcome::Without => {
                html.raw("<p>Nothing of lithify is in this container.</p>\n");
            }
            Outcome::Staged => {
                html.raw("<p>Hardened copies are mounted over its directories, and nothing of lithify is in it that could look.</p>\n");
            }
            Outcome::Unverified { reason, fix } => {
                html.put("<p class=\"unverified\">", reason, "</p>\n");
                if let Some(fix) = fix {
                    html.put("<p>fix: ", fix, "</p>\n");
                }
            }
        }
        html.raw("</section>\n");
    }
}

fn about(audited: &Audited) -> String {
    let mut parts = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            parts.push(format!("{name} {value}"));
        }
    };
    add("image", &audited.image);
    add("node", &audited.node);
    if let Outcome::Verified(record) = &audited.outcome {
        add("profiles", &record.profiles.join(", "));
        add("profile digest", &record.profile_digest);
        add("seal", &record.seal_digest);
        add("at", &record.time);
        add("lithify", &record.version);
    }
    parts.join(" \u{b7} ")
}

fn record_of(html: &mut Html, record: &Record) {
    let (findings, others): (Vec<&Check>, Vec<&Check>) =
        record.checks.iter().partition(|check| check.status.is_finding());
    if !findings.is_empty() {
        checks(html, &findings);
    }
    if !others.is_empty() {
        html.raw("<details><summary>").number(others.len()).raw(if others.len() == 1 {
            " other check"
        } else {
            " other checks"
        });
        html.raw("</summary>\n");
        checks(html, &others);
        html.raw("</details>\n");
    }
    for note in &record.notes {
        html.put("<p class=\"soft\">note: ", note, "</p>\n");
    }
}

fn checks(html: &mut Html, checks: &[&Check]) {
    let mut checks = checks.to_vec();
    checks.sort_by(|one, other| one.status.cmp(&other.status));
    html.raw("<table class=\"checks\">\n<thead><tr><th>Status</th><th>Control</th><th>Of</th><th>What was seen</th><th>What to do</th></tr></thead>\n<tbody>\n");
    for check in checks {
        let (class, word) = status(&check.status);
        html.put("<tr><td class=\"state\"><span class=\"chip ", class, "\">").put("", &word, "</span></td>");
        html.put("<td class=\"id\">", &check.id, "</td>");
        html.put("<td class=\"subject\">", &check.subject, "</td>");
        html.put("<td>", &check.detail, "</td>");
        html.put("<td>", check.hint.as_deref().unwrap_or_default(), "</td></tr>\n");
    }
    html.raw("</tbody>\n</table>\n");
}
