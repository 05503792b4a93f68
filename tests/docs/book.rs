//! The pages make one book (`docs/SUMMARY.md`), and the links of all pages lead somewhere.

use super::page::{all, anchors, links, of_the_book, project, read};

#[test]
fn each_page_is_in_it_once() {
    let summary = read("docs/SUMMARY.md");
    let mut listed = links(&summary);
    listed.sort();
    assert_eq!(listed, of_the_book(), "docs/SUMMARY.md lists each page of docs/ once");
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for page in all() {
        let text = read(&page);
        for target in links(&text).into_iter().filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').map_or((target.as_str(), None), |(file, at)| (file, Some(at)));
            let path = if file.is_empty() { project().join(&page) } else { project().join(&page).with_file_name(file) };
            if !path.exists() {
                wrong.push(format!("{page}: {target} is not there"));
            } else if let Some(anchor) = anchor {
                let there = anchors(&std::fs::read_to_string(&path).unwrap());
                if !there.iter().any(|known| known == anchor) {
                    wrong.push(format!("{page}: {target}: no such heading among {there:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
