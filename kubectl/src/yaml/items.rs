//! A list that becomes another one. Items of both lists stay as they are written, and every comment stays.

use std::ops::Range;

use super::edit::Edit;
use super::emit::Form;
use super::layout::Layout;
use super::node::Node;
use super::value::Value;

/// Old items and the new ones in their place.
type Hunk<'a> = (Range<usize>, &'a [Value]);

/// The edits that make `new` of a list; `None` if there is no place for them.
pub(crate) fn edits(layout: &Layout<'_>, list: &Node, new: &[Value]) -> Option<Vec<Edit>> {
    let old: Vec<Value> = list.items().iter().map(Node::value).collect();
    let mut edits = Vec::new();
    for (range, new) in hunks(&old, new) {
        let replaced = range.len().min(new.len());
        let (in_place, more) = new.split_at_checked(replaced)?;
        for (item, value) in list.items().get(range.clone())?.iter().zip(in_place) {
            edits.push(Edit { range: item.range.clone(), text: like(layout, item).flow(value) });
        }
        let from = range.start + replaced;
        if !more.is_empty() {
            edits.push(insert(layout, list, from, more)?);
        }
        for index in from..range.end {
            edits.extend(remove(layout, list, index, range.end)?);
        }
    }
    Some(edits)
}

/// The form of this item: new ones are in quotes if it is.
fn like(layout: &Layout<'_>, item: &Node) -> Form {
    let quoted = layout.text.get(item.range.clone()).is_some_and(|text| text.starts_with(['"', '\'']));
    Form { json: layout.form.json || quoted, ..layout.form }
}

/// Inserts items behind the one before `index`, in its style.
fn insert(layout: &Layout<'_>, list: &Node, index: usize, new: &[Value]) -> Option<Edit> {
    let before = list.items().get(index.checked_sub(1)?)?;
    let form = like(layout, before);
    let end = before.range.end;
    if list.flow {
        let text = new.iter().map(|value| ", ".to_owned() + &form.flow(value)).collect();
        return Some(Edit { range: end..end, text });
    }
    let (_, column) = layout.dash(before)?;
    let lines: Vec<String> = new.iter().map(|value| format!("{:column$}- {}", "", form.flow(value))).collect();
    Some(layout.lines(layout.line_end(end), &lines))
}

/// Removes one of the items up to `end`. Comments beside it stay.
fn remove(layout: &Layout<'_>, list: &Node, index: usize, end: usize) -> Option<Vec<Edit>> {
    let item = list.items().get(index)?;
    let without = |range: Range<usize>| Edit { range, text: String::new() };
    let blank = |range: Range<usize>| layout.text.get(range).is_some_and(|text| text.trim().is_empty());
    if !list.flow {
        let (dash, _) = layout.dash(item)?;
        let (start, after) = (layout.line_start(dash), layout.line_end(item.range.end));
        if !blank(dash + 1..item.outer) {
            return Some(vec![without(dash..dash + 1), without(item.outer..item.range.end)]);
        }
        let whole = blank(start..dash) && blank(item.range.end..after);
        return Some(vec![without(if whole { start..after } else { dash..item.range.end })]);
    }
    // The item goes with the comma after it, or, at the end of the list, with the comma before it.
    let (gap, item_first) = match list.items().get(index + 1) {
        Some(next) if end < list.items().len() => (item.range.end..next.outer, true),
        _ => (list.items().get(index.checked_sub(1)?)?.range.end..item.outer, false),
    };
    let written = layout.text.get(gap.clone())?;
    if !written.contains('#') {
        return Some(vec![without(if item_first { item.outer..gap.end } else { gap.start..item.range.end })]);
    }
    let mut rest = written.trim_start();
    while let Some(comment) = rest.strip_prefix('#') {
        rest = comment.split_once('\n')?.1.trim_start();
    }
    let comma = gap.end - rest.strip_prefix(',')?.len() - 1;
    Some(vec![without(item.outer..item.range.end), without(comma..comma + 1)])
}

/// Where the lists differ. Their common start and end are not touched: the app stands there. Each difference ends at
/// the nearest items that are equal again.
fn hunks<'a>(old: &[Value], new: &'a [Value]) -> Vec<Hunk<'a>> {
    let alike = |(one, other): &(&Value, &Value)| one == other;
    let most = old.len().min(new.len()) - old.iter().zip(new).take_while(alike).count();
    let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(alike).count();
    let old = old.get(..old.len() - end).unwrap_or_default();
    let new = new.get(..new.len() - end).unwrap_or_default();
    let mut hunks = Vec::new();
    let (mut at, mut new_at) = (0, 0);
    while at < old.len() || new_at < new.len() {
        let (rest, new_rest) = (old.get(at..).unwrap_or_default(), new.get(new_at..).unwrap_or_default());
        let alike = (0..rest.len() + new_rest.len()).find_map(|distance| {
            let pair = |gone: usize| {
                let came = distance - gone;
                rest.get(gone).zip(new_rest.get(came)).is_some_and(|(one, other)| one == other).then_some((gone, came))
            };
            (0..=distance).find_map(pair)
        });
        let (gone, came) = alike.unwrap_or((rest.len(), new_rest.len()));
        if gone + came > 0 {
            hunks.push((at..at + gone, new_rest.get(..came).unwrap_or_default()));
        }
        at += gone + 1;
        new_at += came + 1;
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::super::apply::tests::{at, changed};
    use super::*;
    use proptest::prelude::*;

    fn values(words: &str) -> Vec<Value> {
        words.split_whitespace().map(Value::text).collect()
    }

    #[track_caller]
    fn becomes(text: &str, words: &str, expected: &str) {
        let out = changed(text, |changes| changes.items(&at(&["c"]), values(words)));
        assert_eq!(out.unwrap(), expected);
    }

    #[test]
    fn words_change_where_they_stand() {
        let block = "c: # of ours\n  - /l # program\n  # verb\n  - run\n  - \"--profile\" # because\n  - 'nginx' # old\n  - -- # the app\n  # app\n  - /app # it\nd: 1\n";
        becomes(block, "/l run --profile shells -- /app", &block.replace("'nginx'", "\"shells\""));
        becomes(
            block,
            "/l run --profile a --profile b -- /app",
            &block.replace("'nginx' # old\n", "\"a\" # old\n  - \"--profile\"\n  - \"b\"\n"),
        );
        becomes(
            block,
            "/l run -- /app",
            &block.replace("  - \"--profile\" # because\n  - 'nginx' # old\n", "   # because\n   # old\n"),
        );
        // The app is called as the profile was.
        becomes(
            "c:\n- l\n- -p\n- app # old\n- -- # then\n- app # it\n",
            "l -p s -p t -- app",
            "c:\n- l\n- -p\n- s # old\n- \"-p\"\n- t\n- -- # then\n- app # it\n",
        );
        becomes("c:\n- a\n- b\n- # why\n  c\n- d", "a d", "c:\n- a\n # why\n  \n- d");
    }

    #[test]
    fn and_in_brackets() {
        becomes("c: [a, --p, x, -- , b]\n", "a --p s --p t -- b", "c: [a, --p, s, \"--p\", t, -- , b]\n");
        becomes("c: [a, --p, x, -- , b]\n", "a -- b", "c: [a, -- , b]\n");
        becomes("c: [a, b, c]\n", "a", "c: [a]\n");
        becomes("{\"c\": [\"a\", \"b\",\n\"c\"]}\n", "a x y c", "{\"c\": [\"a\", \"x\", \"y\",\n\"c\"]}\n");
        becomes(
            "c: [\n  \"a\", # one\n  \"b\", # two\n  \"c\" # three\n]\n",
            "a c",
            "c: [\n  \"a\", # one\n   # two\n  \"c\" # three\n]\n",
        );
        becomes("c: [\n  a, # one\n  b # two\n]\n", "a", "c: [\n  a # one\n   # two\n]\n");
    }

    /// A list with a comment wherever one may stand.
    fn commented(words: &[String], flow: bool) -> String {
        let line = |(index, word): (usize, &String)| {
            let (above, beside, quote) = (index % 2 == 0, index % 3 != 1, if index % 5 < 2 { "'" } else { "" });
            let above = if above { format!("  # above {index}\n") } else { String::new() };
            let beside = if beside { format!(" # beside {index}") } else { String::new() };
            let (dash, comma) = if flow { ("", ",") } else { ("- ", "") };
            format!("{above}  {dash}{quote}{word}{quote}{comma}{beside}\n")
        };
        let lines: String = words.iter().enumerate().map(line).collect();
        if flow { format!("c: [\n{lines}]\nd: 1\n") } else { format!("c:\n{lines}d: 1\n") }
    }

    proptest! {
        #[test]
        fn any_list_becomes_any_other(
            old in prop::collection::vec("[a-d]", 0..8), new in prop::collection::vec("[a-d]", 0..8), flow: bool,
        ) {
            // The program is always the first.
            let list = |words: &[String]| -> Vec<String> { ["l".to_owned()].into_iter().chain(words.iter().cloned()).collect() };
            let text = commented(&list(&old), flow);
            let new: Vec<Value> = list(&new).into_iter().map(Value::text).collect();
            // That the data is as intended, `apply` sees to.
            let out = changed(&text, |changes| changes.items(&at(&["c"]), new.clone()));
            let out = out.map_err(|error| TestCaseError::fail(format!("{error:?}:\n{text}")))?;
            for comment in text.lines().filter_map(|line| line.find("# ").map(|at| &line[at..])) {
                prop_assert!(out.lines().any(|line| line.ends_with(comment)), "{comment} is gone:\n{text}\n{out}");
            }
            let again = changed(&out, |changes| changes.items(&at(&["c"]), new));
            prop_assert_eq!(again.unwrap(), out);
        }
    }
}
