//! By pod: what is wrong in each container, and the line that mends it.

use super::super::audited::{Audited, Check, Outcome, Status};
use super::super::control::Control;
use super::super::markup::Html;
use super::{chip, status};

pub(super) fn table(html: &mut Html, containers: &[&Audited]) {
    html.raw("<h2>By pod</h2>\n<table id=\"pods\">\n<thead><tr><th>Pod</th><th>Container</th><th>Result</th><th>What is wrong, and what mends it</th></tr></thead>\n<tbody>\n");
    for (number, audited) in containers.iter().enumerate() {
        html.raw("<tr><td class=\"name\"><a href=\"#c").number(number).put("\">", &audited.place(), "</a>");
        for of in [&audited.workload, &audited.node] {
            if !of.is_empty() {
                html.put("<br><span class=\"soft\">", of, "</span>");
            }
        }
        html.put("</td><td>", &audited.container, "</td><td class=\"state\" data-key=\"");
        html.number(audited.state() as usize).raw("\">");
        chip(html, audited.state());
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
    let problems = audited.problems();
    if problems.is_empty() {
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
    for problem in &problems {
        let (class, _) = status(&problem.check.status);
        html.put("<li><span><b class=\"", class, "\">").put("", &problem.check.id, "</b> ");
        html.put("", &problem.seen(), "</span><span>");
        mend(html, problem.check);
        html.raw("</span></li>");
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
