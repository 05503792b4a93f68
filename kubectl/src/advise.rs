//! `kubectl lithify advise` says for each container in which mode `inject` can harden it, and why: what `--mode auto` does.

use crate::cli::{Advise, Subject};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::inject;
use crate::manifest::Manifest;
use crate::output::print;
use lithify::report::Exit;

/// Runs the subcommand.
pub(crate) fn run(options: &Advise) -> Result<Exit, Failure> {
    let manifest = match &options.of {
        Subject::Manifest(file) => Manifest::read(file)?,
        Subject::Object(object) => {
            let cluster = Cluster::new(options.inject.context.as_ref(), options.namespace.as_ref());
            let text = cluster.run(&["get", &object.kind, &object.name, "-o", "json"])?;
            Manifest::of_kubectl(&object.to_string(), &text)?
        }
    };
    let advice = inject::advise(&manifest, &options.inject)?;
    if advice.is_empty() {
        print(&format!("{} describes no pods\n", manifest.file))?;
        return Ok(Exit::Ok);
    }
    let rows = advice.iter().map(|line| {
        let mode = match line.mode {
            Some(mode) => mode.name(),
            None => "none",
        };
        [line.workload.clone(), line.container.clone(), mode.to_owned(), line.why.clone()]
    });
    let head = ["WORKLOAD", "CONTAINER", "MODE", "WHY"].map(str::to_owned);
    print(&table(&std::iter::once(head).chain(rows).collect::<Vec<_>>()))?;
    Ok(if advice.iter().all(|line| line.mode.is_some()) { Exit::Ok } else { Exit::Finding })
}

/// Rows in columns; the last column is as long as it is.
fn table(rows: &[[String; 4]]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let [first, second, third] = [width(0), width(1), width(2)];
    let line = |[workload, container, mode, why]: &[String; 4]| {
        format!("{workload:first$}  {container:second$}  {mode:third$}  {why}\n")
    };
    rows.iter().map(line).collect()
}
