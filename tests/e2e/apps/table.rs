//! docs/apps.md

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::fix::quoted;
use super::list::App;
use super::way::Way;
use super::{Lives, docs};

/// What was seen of an app: a row of the table.
pub struct Row {
    app: &'static App,
    /// By each way what it took, and what else there is to say.
    ways: Vec<String>,
    /// What `scan` still finds, and the app runs.
    pub left: BTreeSet<String>,
}

impl Row {
    pub fn new(app: &'static App) -> Self {
        Self { app, ways: Vec::new(), left: BTreeSet::new() }
    }

    pub fn add(&mut self, way: Way, fixes: &[String], lives: Lives) {
        let fixes = match (way, fixes) {
            (Way::Build, [first, others @ ..]) if first == "--app" => others,
            (Way::Build, _) => panic!("{}: a build must be told the app: {fixes:?}", self.app.name),
            _ => fixes,
        };
        let mut cell = match fixes {
            [] => "works".to_owned(),
            fixes => format!("with {}", fixes.join(", ")),
        };
        match (lives, self.app.starts) {
            (Lives::On, _) => {}
            (Lives::Never, starts) => cell = format!("ends at its start, where a shell runs {}", starts.unwrap()),
            (Lives::Once, _) => {
                let needs = self.app.starts_by().unwrap_or("a shell");
                cell += &format!("; not a second time in the same layer: its start needs {needs}");
            }
        }
        self.ways.push(cell);
    }

    fn line(&self) -> String {
        let left: Vec<_> = self.left.iter().map(|path| format!("`{path}`")).collect();
        let command = self.app.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        format!("| {} | `{command}` | {} | {} |", self.app.name, self.ways.join(" | "), left.join(", "))
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/apps.md")
}

/// The apps of the table.
pub fn names() -> Vec<String> {
    let docs = fs::read_to_string(path()).unwrap();
    let rows = docs.lines().skip_while(|line| !line.starts_with("| app |")).skip(2);
    rows.take_while(|line| line.starts_with("| ")).map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
}

/// Compares a row with the docs', or writes it there.
pub fn compare(row: &Row) {
    docs::compare("docs/apps.md", &format!("| {} | ", row.app.name), &row.line());
}
