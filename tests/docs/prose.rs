//! What `prose.py` finds in the prose of the pages: sentences that are too long, words that nobody knows.

use std::process::Command;

use super::page::project;

#[track_caller]
fn finds_nothing(what: &str) {
    let ran = Command::new("python3").arg(project().join("tests/docs/prose.py")).arg(what).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "tests/docs/prose.py {what}:\n{said}");
}

#[test]
fn no_sentence_has_more_than_thirty_words() {
    finds_nothing("sentences");
}

/// A new word goes into `tests/docs/words.txt`.
#[test]
fn every_word_is_known() {
    finds_nothing("spelling");
}
