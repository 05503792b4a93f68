//! Messages for changes that cannot be carried out, with their place.

use super::change::Path;
use super::edit::Edit;
use super::read::{Document, YamlError};

/// The error for a new text that cannot be made or is not as intended. It points at the cause.
pub(crate) fn in_vain(document: &Document, path: &Path) -> YamlError {
    let way = path.way(&document.root);
    let place = way.last().map_or(0..0, |node| node.range.clone());
    let shared = document.anchors.iter().filter(|anchor| !anchor.aliases.is_empty()).find(|anchor| {
        anchor.whole.contains(&place.start) || way.iter().any(|node| anchor.aliases.contains(&node.range))
    });
    match shared {
        Some(anchor) => YamlError::new(
            anchor.place.clone(),
            "what stands here is shared by an anchor, and a change of one would be one of all: write it out where it is used, and try again",
        ),
        None => YamlError::new(
            place,
            "this cannot be edited where it stands without losing comments or order: write it out in block style, and try again",
        ),
    }
}

/// The error for a new text that is no YAML. It points at the last edit before the fault.
pub(crate) fn unreadable(edits: &[Edit], error: &YamlError) -> YamlError {
    let (mut came, mut went) = (0, 0);
    let before = edits.iter().take_while(|edit| {
        let starts = edit.range.start + came - went;
        came += edit.text.len();
        went += edit.range.len();
        starts <= error.range.start
    });
    let place = before.last().map_or(0..0, |edit| edit.range.start..edit.range.start);
    YamlError::new(place, format!("with what is put here, the manifest cannot be read any more: {}", error.message))
}

#[cfg(test)]
mod tests {
    use super::super::apply::tests::{at, changed, item};
    use super::*;

    #[test]
    fn the_guilty_one_is_pointed_at() {
        let text = "x: &x [1]\ny: *x\none: &m\n  - a\ntwo: { deep: [*m] }\nfree: &f [2]\n";
        for path in [at(&["one"]), at(&["two", "deep"]).index(0)] {
            let error = changed(text, |changes| {
                changes.push(&at(&["free"]), item());
                changes.push(&path, item());
            });
            assert_eq!(&text[error.unwrap_err().range], "&m");
        }
        let merged = "x: &x {}\ny: *x\nbase: &b\n  l:\n    - 1\nc:\n  <<: *b\n";
        let error = changed(merged, |changes| changes.push(&at(&["c", "l"]), item())).unwrap_err();
        assert_eq!(&merged[error.range], "&b");
        let error =
            changed("a: &x 1\nb: *x\nc:\n  d: 5\n", |changes| changes.push(&at(&["c", "d"]), item())).unwrap_err();
        assert!(!error.message.contains("anchor") && error.range == (22..23), "{error:?}");
    }

    #[test]
    fn what_cannot_be_read_again_says_so() {
        let edits = [Edit { range: 2..4, text: "12345".into() }, Edit { range: 6..6, text: "x".into() }];
        for (at, place) in [(2, 2), (8, 2), (9, 6), (20, 6)] {
            let error = unreadable(&edits, &YamlError::new(at..at, "why"));
            assert!(error.range == (place..place) && error.message.ends_with("read any more: why"), "{at}: {error:?}");
        }
    }
}
