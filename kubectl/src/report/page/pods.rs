//! By pod: what is wrong in each container, and the line that mends it.

use super::super::audited::{Audited, Check, Outcome, Status};
use super::super::control::Control;
use super::super::markup::Html;
use super::{chip, state, status};

/// The most findings of a container that are shown here; the rest stand with what was seen.
const MOST: usize = 12;

pub(super) fn table(html: &mut Html, containers: &[&Audited]) {
    html.raw("<h2>By pod</h2>\n<table id=\"pods\">\n<thead><tr><th>Pod</th><th>Container</th><th>Result</th><th>What is wrong, and what mends it</th></tr></thead>\n<tbody>\n");
    for (number, audited) in containers.iter().enumerate() {
        html.raw("<tr><td class=\"name\"><a href=\"#c").number(number).put("\">", &audited.place(), "</a>");
        if !audited.node.is_empty() {
            html.put("<br><span class=\"soft\">", &audited.node, "</span>");
        }
        html.put("</td><td>", &audited.container, "</td><td class=\"state\" data-key=\"");
        html.number(state(audited) as usize).raw("\">");
        chip(html, state(audited));
        html.raw("</td><td>");
        wrong(html, audited);
        html.raw("</td></tr>\n");
    }
    html.raw("</tbody>\n</table>\n");
}

fn wrong(html: &mut Html, audited: &Audited) {
    if let Outcome::Unverified { reason, fix } = &audited.outcome {
        html.raw("<ul class=\"wrong\"><li>").put("<span class=\"unverified\">", reason, "</span>");
        html.put("<span>", fix.as_deref().unwrap_or_default(), "</span></li></ul>");
        return;
    }
    let mut findings: Vec<&Check> = audited.checks().iter().filter(|check| check.status.is_finding()).collect();
    findings.sort_by_key(|check| (check.status.clone(), Control::named(&check.id).rank()));
    if findings.is_empty() {
        html.raw("<span class=\"soft\">");
        match (&audited.outcome, audited.checks().len()) {
            (Outcome::Without, _) => html.raw("nothing of lithify is in it"),
            (Outcome::Staged, _) => html.raw("hardened copies are mounted, and nothing in it could look"),
            (_, 0) => html.raw("nothing was asked for"),
            (_, 1) => html.raw("1 check, which holds"),
            (_, checks) => html.raw("all of ").number(checks).raw(" checks hold"),
        };
        html.raw("</span>");
        return;
    }
    html.raw("<ul class=\"wrong\">");
    for check in findings.iter().take(MOST) {
        let (class, _) = status(&check.status);
        html.put("<li><span><b class=\"", class, "\">").put("", &check.id, "</b> ");
        html.put("", &check.subject, ": ").put("", &check.detail, "</span><span>");
        mend(html, check);
        html.raw("</span></li>");
    }
    if let Some(more) = findings.len().checked_sub(MOST).filter(|more| *more > 0) {
        html.raw("<li><span>and ").number(more).raw(" more</span><span></span></li>");
    }
    html.raw("</ul>");
}

/// The line of the pod spec, else what to do. Another line does not help who may not look.
fn mend(html: &mut Html, check: &Check) {
    let control = Control::named(&check.id);
    if control.field.is_empty() || check.status != Status::Fail {
        html.text(check.hint.as_deref().unwrap_or(control.remedy));
    } else {
        html.put("<code class=\"mend\">", control.field, "</code>");
    }
}
