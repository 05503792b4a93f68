//! A unified diff (diff(1), GNU). It is made from the edits, so no lines are compared.

use std::fmt::Write;

use crate::yaml::Edit;

/// Lines around each change.
const CONTEXT: usize = 3;

/// Lines of the old text that become other ones.
struct Block {
    /// First line, from 0.
    start: usize,
    old: usize,
    new: Vec<String>,
}

/// From `text` to what `edits`, sorted and apart, make of it.
pub(crate) fn unified(file: &str, text: &str, edits: &[Edit]) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let blocks = blocks(text, &lines, edits);
    if blocks.is_empty() {
        return String::new();
    }
    let mut out = format!("--- {file}\n+++ {file}\n");
    // The number of lines added and removed so far.
    let (mut came, mut went) = (0, 0);
    let mut rest = blocks.as_slice();
    while let Some(first) = rest.first() {
        let near = |pair: &[Block]| matches!(pair, [one, next] if next.start <= one.start + one.old + 2 * CONTEXT);
        let count = rest.windows(2).take_while(|pair| near(pair)).count() + 1;
        let (hunk, after) = rest.split_at(count.min(rest.len()));
        rest = after;
        let start = first.start.saturating_sub(CONTEXT);
        let end = hunk.last().map_or(start, |last| last.start + last.old + CONTEXT).min(lines.len());
        let old: usize = hunk.iter().map(|block| block.old).sum();
        let new: usize = hunk.iter().map(|block| block.new.len()).sum();
        let (length, new_length) = (end - start, end - start + new - old);
        // The position of an empty range is the line before it.
        let position = |line: usize, length: usize| if length == 0 { line } else { line + 1 };
        let (from, to) = (position(start, length), position(start + came - went, new_length));
        let _ = writeln!(out, "@@ -{from},{length} +{to},{new_length} @@");
        came += new;
        went += old;
        let mut at = start;
        for block in hunk {
            print(&mut out, ' ', lines.get(at..block.start).unwrap_or_default());
            at = block.start + block.old;
            print(&mut out, '-', lines.get(block.start..at).unwrap_or_default());
            print(&mut out, '+', &block.new);
        }
        print(&mut out, ' ', lines.get(at..end).unwrap_or_default());
    }
    out
}

fn print<S: AsRef<str>>(out: &mut String, sign: char, lines: &[S]) {
    for line in lines {
        let line = line.as_ref();
        let _ = write!(out, "{sign}{line}");
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// Whole lines, those that edits share taken together.
fn blocks(text: &str, lines: &[&str], edits: &[Edit]) -> Vec<Block> {
    let mut starts = vec![0];
    for line in lines {
        starts.push(starts.last().copied().unwrap_or_default() + line.len());
    }
    let line_of = |at: usize| starts.partition_point(|start| *start <= at).saturating_sub(1);
    let mut blocks: Vec<(usize, usize, Vec<&Edit>)> = Vec::new();
    for edit in edits {
        let start = line_of(edit.range.start);
        let whole = edit.range.is_empty() && starts.get(start) == Some(&edit.range.start) && edit.text.ends_with('\n');
        let end = if whole { start } else { (line_of(edit.range.end) + 1).min(lines.len()) };
        let start = if whole { start } else { start.min(lines.len().saturating_sub(1)) };
        match blocks.last_mut() {
            Some(last) if start < last.1 || start == last.0 => {
                last.1 = last.1.max(end);
                last.2.push(edit);
            }
            _ => blocks.push((start, end, vec![edit])),
        }
    }
    let bounds = |line: usize| starts.get(line).copied().unwrap_or(text.len());
    let block = |(start, end, edits): (usize, usize, Vec<&Edit>)| {
        let (mut new, mut at) = (String::new(), bounds(start));
        for edit in edits {
            new.push_str(text.get(at..edit.range.start).unwrap_or_default());
            new.push_str(&edit.text);
            at = edit.range.end;
        }
        new.push_str(text.get(at..bounds(end)).unwrap_or_default());
        Block { start, old: end - start, new: new.split_inclusive('\n').map(str::to_owned).collect() }
    };
    blocks.into_iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;
    use std::process::Command;

    fn edit(range: std::ops::Range<usize>, text: &str) -> Edit {
        Edit { range, text: text.to_owned() }
    }

    #[test]
    fn as_diff_prints_it() {
        let text = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n";
        let edits = [edit(2..2, "x\n"), edit(6..7, "D"), edit(24..24, "m\n")];
        let expected =
            "--- f\n+++ f\n@@ -1,7 +1,8 @@\n a\n+x\n b\n c\n-d\n+D\n e\n f\n g\n@@ -10,3 +11,4 @@\n j\n k\n l\n+m\n";
        assert_eq!(unified("f", text, &edits), expected);
        assert_eq!(unified("f", text, &[]), "");
        assert!(
            unified("f", "a", &[edit(1..1, "\nb")]).contains("-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline")
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn patch_makes_the_new_text_of_it(
            lines in prop::collection::vec("[a-c]{0,3}", 1..30),
            places in prop::collection::btree_map(0usize..30, ("[x-z]{1,3}", any::<bool>()), 1..5),
        ) {
            let text = lines.join("\n") + "\n";
            let starts: Vec<usize> = text.split_inclusive('\n').scan(0, |at, line| { let start = *at; *at += line.len(); Some(start) }).collect();
            let edits: Vec<Edit> = places.iter().filter_map(|(line, (new, whole))| {
                let start = *starts.get(*line)?;
                Some(if *whole { edit(start..start, &format!("{new}\n")) } else { edit(start..start, new) })
            }).collect();
            prop_assume!(!edits.is_empty());
            let mut expected = text.clone();
            for edit in edits.iter().rev() {
                expected.replace_range(edit.range.clone(), &edit.text);
            }
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("f");
            std::fs::write(&file, &text).unwrap();
            let mut patch = Command::new("patch").arg("-s").arg(&file).stdin(std::process::Stdio::piped()).spawn().unwrap();
            patch.stdin.take().unwrap().write_all(unified("f", &text, &edits).as_bytes()).unwrap();
            prop_assert!(patch.wait().unwrap().success());
            prop_assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
        }
    }
}
