//! One self-contained page for people, which needs no script to be read: what is wrong first, by pod; then by control; then
//! everything that was seen.

mod controls;
mod details;
mod pods;

use sha2::{Digest as _, Sha256};

use super::audited::{Audited, Outcome, Record, State, Status};
use super::markup::Html;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
pub(crate) fn page(containers: &[Audited]) -> String {
    // What is wrong comes first; else the order of the records.
    let mut sorted: Vec<&Audited> = containers.iter().collect();
    sorted.sort_by_key(|audited| rank(audited));
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // Nothing of this page can be a script or load anything but what stands in these two.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        base64(&Sha256::digest(STYLE)),
        base64(&Sha256::digest(SCRIPT))
    );
    html.put("<meta http-equiv=\"Content-Security-Policy\" content=\"", &policy, "\">\n");
    html.raw(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>lithify report</title>\n",
    );
    html.raw("<style>").raw(STYLE).raw("</style>\n</head>\n<body>\n");
    head(&mut html, containers);
    if !containers.is_empty() {
        pods::table(&mut html, &sorted);
        controls::table(&mut html, containers);
        details::sections(&mut html, &sorted);
    }
    html.raw("<script>").raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
    html.finish()
}

/// The sentence that says all, and the figures.
fn head(html: &mut Html, containers: &[Audited]) {
    let count = |is: &dyn Fn(&Audited) -> bool| containers.iter().filter(|audited| is(audited)).count();
    let failing = count(&|audited| audited.state() == State::Fail);
    let open = count(&|audited| audited.state() == State::Unverified);
    let holds = count(&|audited| audited.state() == State::Pass);
    let bare = count(&|audited| matches!(audited.state(), State::Without | State::Staged));
    let all = containers.len();
    let (class, verdict) = match (all, failing, open) {
        (0, ..) => ("unverified", "No container was looked at".to_owned()),
        (_, 0, 0) if bare == all => ("unverified", "No container was looked at: lithify is in none of them".to_owned()),
        (_, 0, 0) => ("pass", format!("What was asked for holds in {} with lithify", containers_in_words(holds))),
        (_, 0, _) => ("unverified", format!("{} of {} could not be verified", open, containers_in_words(all))),
        (_, _, open) => {
            let fails = if failing == 1 { "fails" } else { "fail" };
            let further = if open == 0 { String::new() } else { format!(", {open} could not be verified") };
            ("fail", format!("{failing} of {} {fails}{further}", containers_in_words(all)))
        }
    };
    html.put("<header class=\"verdict ", class, "\">\n");
    html.put("<h1>", &verdict, "</h1>\n");
    html.put("<p class=\"soft\">", &when(containers), "</p>\n<ul class=\"tiles\">\n");
    for (class, number, word) in [
        ("fail", failing, "fail"),
        ("unverified", open, "unverified"),
        ("pass", holds, "pass"),
        ("soft", bare, "without lithify"),
    ] {
        html.put("<li><b class=\"", class, "\">").number(number).put("</b>", word, "</li>\n");
    }
    html.raw("</ul>\n</header>\n");
}

fn containers_in_words(number: usize) -> String {
    if number == 1 { "1 container".to_owned() } else { format!("{number} containers") }
}

/// From when to when, of which pods, by what.
fn when(containers: &[Audited]) -> String {
    let records: Vec<&Record> = containers.iter().filter_map(record).collect();
    let mut times: Vec<&str> =
        records.iter().map(|record| record.time.as_str()).filter(|time| !time.is_empty()).collect();
    times.sort_unstable();
    let mut pods: Vec<String> = containers.iter().map(Audited::place).collect();
    pods.sort_unstable();
    pods.dedup();
    let mut versions: Vec<&str> =
        records.iter().map(|record| record.version.as_str()).filter(|version| !version.is_empty()).collect();
    versions.sort_unstable();
    versions.dedup();
    let mut parts = vec![if pods.len() == 1 { "1 pod".to_owned() } else { format!("{} pods", pods.len()) }];
    match (times.first(), times.last()) {
        (Some(first), Some(last)) if first == last => parts.push((*first).to_owned()),
        (Some(first), Some(last)) => parts.push(format!("{first} to {last}")),
        _ => {}
    }
    if !versions.is_empty() {
        parts.push(format!("lithify {}", versions.join(", ")));
    }
    parts.join(" \u{b7} ")
}

fn record(audited: &Audited) -> Option<&Record> {
    if let Outcome::Verified(record) = &audited.outcome { Some(record) } else { None }
}

fn rank(audited: &Audited) -> (State, usize) {
    (audited.state(), usize::MAX - audited.findings())
}

/// The word on a coloured ground.
fn chip(html: &mut Html, state: State) {
    let (class, word) = match state {
        State::Fail => ("fail", "\u{2717} fail"),
        State::Unverified => ("unverified", "? unverified"),
        State::Without => ("", "without lithify"),
        State::Staged => ("", "staged"),
        State::Pass => ("pass", "\u{2713} pass"),
    };
    html.put("<span class=\"chip ", class, "\">").put("", word, "</span>");
}

/// The class and the word of a check's status.
fn status(status: &Status) -> (&str, String) {
    match status {
        Status::Fail => ("fail", "\u{2717} fail".to_owned()),
        Status::Unverified => ("unverified", "? unverified".to_owned()),
        Status::Pass => ("pass", "\u{2713} pass".to_owned()),
        Status::Other(word) => ("", word.replace('_', " ")),
    }
}

/// RFC 4648, 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, at| word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = DIGITS.get((word >> (18 - 6 * at) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if at > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_the_rfc() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("\u{ff}?>", "w78/Pg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
