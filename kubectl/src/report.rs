//! `kubectl lithify report` makes one page for people, or one SARIF log, of records of `verify`.

pub(crate) mod audited;
mod control;
mod findings;
mod markup;
mod page;
pub(crate) mod read;

use crate::cli::{Report, ReportFormat};
use crate::failure::Failure;
use crate::output::print;
use lithify::report::Exit;

/// Runs the subcommand. What is wrong in the records is no failure of the report.
pub(crate) fn run(options: &Report) -> Result<Exit, Failure> {
    let mut containers = Vec::new();
    for file in &options.files {
        containers.extend(read::file(file)?);
    }
    let text = match options.format {
        ReportFormat::Html => page::page(&containers),
        ReportFormat::Sarif => findings::log(&containers),
    };
    print(&text)?;
    Ok(Exit::Ok)
}
