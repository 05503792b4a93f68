//! What to do with a learned profile.

use crate::cli::{Learn, LearnFrom, Subject};
use crate::cluster::quoted;

/// The commands that bring it into the workload: a `ConfigMap`, and what `inject` would do.
pub(super) fn after(options: &Learn) -> String {
    let out = options.out.as_deref().filter(|out| *out != "-").unwrap_or("learned.toml");
    let here = if out.contains('/') { out.to_owned() } else { format!("./{out}") };
    let name = out.rsplit('/').next().unwrap_or(out);
    let file = match &options.from {
        LearnFrom::App(Subject::Manifest(file)) if file != "-" => file.as_str(),
        _ => "deploy.yaml",
    };
    let container = options.container.iter().flat_map(|name| [" -c ".to_owned(), quoted(name)]).collect::<String>();
    let command = options.command.iter().flat_map(|command| [" --command ".to_owned(), quoted(command)]);
    let command = command.collect::<String>();
    format!(
        "next: read it, and mount it at /site from a ConfigMap; then see what inject does with it:\n  \
         kubectl create configmap lithify-site --from-file={out}\n  \
         kubectl lithify inject -f {file} --mode run --profile {profile}{container}{command} --dry-run\n",
        out = quoted(out),
        file = quoted(file),
        profile = quoted(&format!("{here}=/site/{name}")),
    )
}
