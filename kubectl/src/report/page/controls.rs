//! By control: in how many containers it holds, and what mends it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::super::audited::{Audited, Status, by_control};
use super::super::control::Control;
use super::super::markup::Html;

/// What records say of one control.
#[derive(Default)]
struct Said<'a> {
    hints: BTreeSet<&'a str>,
    ids: BTreeSet<&'a [String; 3]>,
}

pub(super) fn table(html: &mut Html, containers: &[Audited]) {
    let mut said: BTreeMap<&str, Said<'_>> = BTreeMap::new();
    for check in containers.iter().flat_map(Audited::checks) {
        let said = said.entry(&check.id).or_default();
        let says_more =
            check.status.is_finding() && (check.status != Status::Fail || Control::named(&check.id).field.is_empty());
        said.hints.extend(check.hint.as_deref().filter(|_| says_more));
        said.ids.extend(&check.ids);
    }
    let mut rows: Vec<(&str, [usize; 3])> = by_control(containers).into_iter().collect();
    if rows.is_empty() {
        return;
    }
    // What fails first, the worst of it before the rest.
    rows.sort_by_key(|(id, counts @ [fail, unverified, _])| {
        let wrong = if *fail > 0 { 0 } else { 1 + usize::from(*unverified == 0) };
        (wrong, Control::named(id).rank(), Reverse(*counts))
    });
    html.raw("<h2>By control</h2>\n<table id=\"controls\">\n<thead><tr><th>Control</th><th>Severity</th><th>Fail</th><th>Unverified</th><th>Pass</th><th>What mends it</th><th>Standards</th></tr></thead>\n<tbody>\n");
    for (id, counts) in rows {
        let said = said.remove(id).unwrap_or_default();
        let control = Control::named(id);
        html.put("<tr><td class=\"name\"><b>", id, "</b>");
        if !control.title.is_empty() {
            html.put("<br><span class=\"soft\">", control.title, "</span>");
        }
        html.raw("</td><td data-key=\"").number(control.rank()).put("\">", control.severity, "</td>");
        for (count, class) in counts.into_iter().zip(["fail", "unverified", "pass"]) {
            html.put("<td class=\"number ", if count == 0 { "soft" } else { class }, "\">").number(count).raw("</td>");
        }
        html.raw("<td class=\"mends\">");
        if !control.field.is_empty() {
            html.put("<code class=\"mend\">", control.field, "</code> ");
        }
        for hint in said.hints.iter().take(3) {
            html.put("<p>", hint, "</p>");
        }
        html.raw("</td><td class=\"standards\">");
        standards(html, said.ids.iter().copied());
        html.raw("</td></tr>\n");
    }
    html.raw("</tbody>\n</table>\n");
}

/// The ids of a control, one a line.
fn standards<'a>(html: &mut Html, ids: impl Iterator<Item = &'a [String; 3]>) {
    for (number, [standard, edition, id]) in ids.enumerate() {
        if number > 0 {
            html.raw("<br>");
        }
        html.put("", standard, " ").put("", edition, " ").text(id);
    }
}
