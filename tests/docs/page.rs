//! Pages of Markdown: their headings, links and blocks of code.

use std::fs;
use std::path::Path;

/// The repository; the plugin's tests use this file, too.
pub fn project() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    if package.ends_with("kubectl") { package.parent().unwrap() } else { package }
}

pub fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages of `docs/`, without the list of them.
pub fn of_the_book() -> Vec<String> {
    let entries = fs::read_dir(project().join("docs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = names.filter(|name| name.ends_with(".md") && name != "SUMMARY.md").collect();
    pages.sort();
    pages
}

/// Every page that a reader is sent to.
pub fn all() -> Vec<String> {
    let others = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "profiles/apps/README.md"].map(str::to_owned);
    others.into_iter().chain(of_the_book().into_iter().map(|name| format!("docs/{name}"))).collect()
}

/// A block of code: its language, its first line's number and its text, without the indentation of its fence.
pub struct Block {
    pub language: String,
    pub line: usize,
    pub text: String,
}

/// The lines outside of blocks of code, and the blocks.
pub fn parts(text: &str) -> (String, Vec<Block>) {
    let (mut prose, mut blocks) = (String::new(), Vec::new());
    let mut open: Option<(usize, Block)> = None;
    for (number, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        open = match (open, fence) {
            (None, Some(language)) => {
                let block = Block { language: language.to_owned(), line: number + 2, text: String::new() };
                Some((line.len() - line.trim_start().len(), block))
            }
            (Some((_, block)), Some(_)) => {
                blocks.push(block);
                None
            }
            (Some((indent, mut block)), None) => {
                block.text.push_str(line.get(indent..).unwrap_or_default());
                block.text.push('\n');
                Some((indent, block))
            }
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
                None
            }
        };
    }
    assert!(open.is_none(), "a block of code has no end");
    (prose, blocks)
}

/// The targets of the links of a page.
pub fn links(text: &str) -> Vec<String> {
    let (prose, _) = parts(text);
    prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
}

/// The anchors that a forge and mdBook give to the headings: small letters, digits, `-` and `_`; blanks become `-`.
pub fn anchors(text: &str) -> Vec<String> {
    let (prose, _) = parts(text);
    let mut anchors: Vec<String> = Vec::new();
    for heading in prose.lines().filter(|line| line.starts_with('#')) {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|&c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if again == 0 { anchor } else { format!("{anchor}-{again}") });
    }
    anchors
}
