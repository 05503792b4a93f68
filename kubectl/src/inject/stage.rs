//! `--mode stage`: an init container with the app's own image copies its directories, and the app mounts the copies.

use super::super::checks::{self, Staged};
use super::super::cli::Inject;
use super::super::finding::{Finding, Weight};
use super::super::paths::plain;
use super::super::workload::Container;
use super::super::yaml::{Node, Style, Value};
use super::super::{MOUNT_POINT, NAME};
use super::delivery::{MILLI_CPU, empty, mount, security};
use super::pod::{Additions, Pod};

/// What is mounted where nobody says. `/bin` and `/sbin` are links to these on a merged image, and staged with them; on
/// another one they are directories of their own, which the manifest does not tell.
const MOUNTED: [&str; 2] = ["/usr/bin", "/usr/sbin"];

/// Where the volume is in the staging container.
const TO: &str = "/staged";

/// Where the copies are in the volume.
const BELOW: &str = "root";

/// What the names of staging containers begin with.
const STAGER: &str = "lithify-stage";

/// What the names of their volumes begin with.
const VOLUME: &str = "lithify-staged";

/// The API's limit on names (RFC 1123 label).
const MAX_NAME: usize = 63;

impl Pod<'_> {
    pub(super) fn stage(&mut self, container: &Container<'_>, new: &mut Additions, mounts: &mut Vec<Value>) {
        if Self::leaves_command(container) {
            if self.options.command.is_some() {
                let Some(words) = self.command(container) else { return };
                self.set(container.node, &container.path, "command", Value::words(words));
            } else {
                let message = format!(
                    "{} has no command: if the image's entrypoint is a script, it needs the shell that will not be there",
                    container.title
                );
                let place = container.place();
                self.findings.push(Finding::new(Weight::Note, &place, message, "let the command be the app itself, here or with --command, such as '[\"nginx\", \"-g\", \"daemon off;\"]'"));
            }
        }
        let suffix = self.suffix(container);
        let (name, volume) = (format!("{STAGER}{suffix}"), format!("{VOLUME}{suffix}"));
        if name.len().max(volume.len()) > MAX_NAME {
            let message = format!("{}: its name is too long for {volume}", container.title);
            self.refuse(container, message, "give the container a shorter name");
            return;
        }
        let Some(image) = container.node.get("image") else {
            self.refuse(container, format!("{} has no image to stage from", container.title), "image: ...");
            return;
        };
        let (sources, mounted) = directories(self.options);
        if let Some(known) = self.workload.init_containers().into_iter().find(|known| known.name == name) {
            self.staged_before(container, &known, &sources, &volume);
        } else {
            new.init_containers.push(self.init_container(container, &name, &volume, image.value(), &sources));
            self.unmerged(container);
        }
        match self.workload.volume(&volume) {
            Some(known) if known.entry("emptyDir").is_none() => {
                let message = format!("{}: the volume {volume} is no emptyDir: it is not ours", self.workload.title);
                self.refuse_at(&known.range, message, "give that volume another name");
            }
            Some(_) => {}
            None => new.volumes.push(Value::map([("name", Value::text(volume.as_str())), ("emptyDir", empty())])),
        }
        let staged = Staged { volume: &volume, by: &name, sources: sources.clone(), below: BELOW.to_owned() };
        for mount in container.mounts().iter().filter(|mount| mount.text_of("name") == Some(volume.as_str())) {
            self.findings.extend(checks::mounted(container, mount, &[&staged]));
        }
        for directory in mounted {
            let there = |mount: &&Node| mount.text_of("mountPath").and_then(plain).as_ref() == Some(&directory);
            match container.mounts().iter().find(there) {
                Some(known) if known.text_of("name") == Some(volume.as_str()) => {}
                Some(known) => {
                    let message = format!("{}: another volume is mounted at {directory}", container.title);
                    self.refuse_at(
                        &known.range,
                        message,
                        "name the directories that are to be staged with --stage-dir",
                    );
                }
                None => mounts.push(mount(&volume, &directory, Some(&format!("{BELOW}{directory}")))),
            }
        }
    }

    /// What the names of the staging container and its volume end in. A container that has them already keeps them: how
    /// many containers there are may have changed.
    fn suffix(&self, container: &Container<'_>) -> String {
        let containers = self.workload.containers();
        let ours = |staged: &Staged<'_>| {
            let suffix = staged.volume.strip_prefix(VOLUME)?;
            // What two mount was staged for the first.
            let mounts = |container: &&Container<'_>| {
                container.mounts().iter().any(|mount| mount.text_of("name") == Some(staged.volume))
            };
            let is = containers.iter().find(mounts).is_some_and(|first| first.name == container.name);
            (is && staged.by.strip_prefix(STAGER) == Some(suffix)).then(|| suffix.to_owned())
        };
        checks::staged(self.workload)
            .iter()
            .find_map(ours)
            .unwrap_or_else(|| if containers.len() == 1 { String::new() } else { format!("-{}", container.name) })
    }

    fn init_container(
        &self,
        container: &Container<'_>,
        name: &str,
        volume: &str,
        image: Value,
        sources: &[String],
    ) -> Value {
        let after: Vec<&str> = sources.iter().map(String::as_str).chain(["--to", TO]).collect();
        let mut volume_mounts = vec![
            mount(NAME, MOUNT_POINT, None),
            // Writable here and nowhere else.
            Value::braces([("name", Value::text(volume)), ("mountPath", Value::text(TO))]),
        ];
        volume_mounts.extend(self.profile_mounts(container, None));
        let policy = container.node.get("imagePullPolicy").map(|policy| ("imagePullPolicy".to_owned(), policy.value()));
        let mut entries = vec![("name".to_owned(), Value::text(name)), ("image".to_owned(), image)];
        entries.extend(policy);
        entries.push(("command".to_owned(), self.call(&["stage"], &after)));
        entries.extend(resources(container).map(|resources| ("resources".to_owned(), resources)));
        entries.push(("securityContext".to_owned(), security(Some(container))));
        entries.push(("volumeMounts".to_owned(), Value::List(volume_mounts, Style::Block)));
        Value::Map(entries, Style::Block)
    }

    /// The app's mounts of profiles that are files, as far as the staging container does not have them yet.
    fn profile_mounts(&self, container: &Container<'_>, known: Option<&Container<'_>>) -> Vec<Value> {
        let mut mounts: Vec<Value> = Vec::new();
        for file in
            self.profiles.files().filter(|file| known.is_none_or(|known| checks::mount_over(known, file).is_none()))
        {
            let mount = checks::mount_over(container, file).map(Node::value);
            mounts.extend(mount.filter(|mount| !mounts.contains(mount)));
        }
        mounts
    }

    /// An earlier run: the profiles and the app's image may be others by now.
    fn staged_before(&mut self, container: &Container<'_>, known: &Container<'_>, sources: &[String], volume: &str) {
        let staged = checks::staged(self.workload);
        let before = staged.iter().find(|staged| staged.by == known.name && staged.volume == volume);
        match before.filter(|before| before.below == BELOW) {
            None => {
                let message = format!("{} does not stage into volume {volume}: it is not ours", known.title);
                self.refuse(known, message, "give that init container another name");
            }
            Some(before) if before.sources != sources => {
                let message =
                    format!("{} stages {}, not {}", known.title, before.sources.join(", "), sources.join(", "));
                let dirs = if self.options.stage_dirs.is_empty() {
                    "give the same --stage-dir as before"
                } else {
                    "inject into the manifest as it was before"
                };
                self.refuse(known, message, dirs);
            }
            Some(_) => {
                self.update(known.node, &known.path);
                let mounts = self.profile_mounts(container, Some(known));
                self.append(known.node, &known.path, "volumeMounts", None, mounts);
                if let Some(image) = container.node.get("image") {
                    self.set(known.node, &known.path, "image", image.value());
                }
            }
        }
    }

    fn unmerged(&mut self, container: &Container<'_>) {
        let image = container.node.text_of("image").unwrap_or_default();
        if self.options.stage_dirs.is_empty() && (image.contains("alpine") || image.contains("busybox")) {
            let message = format!(
                "{}: in {image} /bin and /sbin may be directories of their own, which stay as they are",
                container.title
            );
            let place = container.node.get("image").map_or_else(|| container.place(), |image| image.range.clone());
            self.findings.push(Finding::new(Weight::Breaks, &place, message, "--stage-dir /bin --stage-dir /sbin --stage-dir /usr/bin --stage-dir /usr/sbin, or --force where they are links"));
        }
    }
}

/// The app's own CPU and memory: an init container that asks for no more than the app adds nothing to the pod, leaves its
/// class as it is, and passes any quota that the app passes. Devices it does not need.
fn resources(app: &Container<'_>) -> Option<Value> {
    let of = |key: &str| -> Option<(String, Value)> {
        let app = app.node.at(&["resources", key])?;
        let amount = |name: &str| {
            let amount = app.get(name)?;
            let slow = name == "cpu" && amount.text().and_then(milli).is_some_and(|cpu| cpu < MILLI_CPU);
            Some((name.to_owned(), if slow { Value::text(format!("{MILLI_CPU}m")) } else { amount.value() }))
        };
        let amounts: Vec<(String, Value)> = ["cpu", "memory"].into_iter().filter_map(amount).collect();
        (!amounts.is_empty()).then(|| (key.to_owned(), Value::Map(amounts, Style::Flow)))
    };
    let entries: Vec<(String, Value)> = ["requests", "limits"].into_iter().filter_map(of).collect();
    (!entries.is_empty()).then_some(Value::Map(entries, Style::Block))
}

/// Thousandths of a CPU (Kubernetes, "Quantity"; in another form, such as `1e2m`, it is left alone).
fn milli(quantity: &str) -> Option<u64> {
    if let Some(milli) = quantity.strip_suffix('m') {
        return milli.parse().ok();
    }
    let (whole, part) = quantity.split_once('.').unwrap_or((quantity, ""));
    let part = format!("{part:0<3}");
    Some(whole.parse::<u64>().ok()?.saturating_mul(1000).saturating_add(part.get(..3)?.parse().ok()?))
}

/// What is staged, and what of it is mounted.
fn directories(options: &Inject) -> (Vec<String>, Vec<String>) {
    if options.stage_dirs.is_empty() {
        let mounted = MOUNTED.map(str::to_owned).to_vec();
        return (mounted.iter().cloned().chain(["/bin", "/sbin"].map(str::to_owned)).collect(), mounted);
    }
    let mut named: Vec<String> = Vec::new();
    for directory in options.stage_dirs.iter().filter_map(|directory| self::directory(directory).ok()) {
        if !named.contains(&directory) {
            named.push(directory);
        }
    }
    (named.clone(), named)
}

/// A directory that is to be staged, in its plainest form, or why it cannot be.
pub(super) fn directory(path: &str) -> Result<String, &'static str> {
    let path = plain(path).ok_or("`..` leads where only the container can tell")?;
    let top = path.split('/').nth(1).unwrap_or_default();
    if !path.starts_with('/') {
        Err("it is not absolute")
    } else if top.is_empty() {
        Err("the root itself cannot be mounted over")
    } else if path.contains([':', ',']) || path.contains(char::is_control) {
        Err("a mount path has no `:`, and here no `,` and no control characters")
    } else if matches!(top, "proc" | "sys" | "dev") {
        Err("the kernel's files are no programs, and are not in the image")
    } else if [MOUNT_POINT, TO].contains(&format!("/{top}").as_str()) {
        Err("lithify's own volumes are mounted there")
    } else {
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_cpu() {
        for (quantity, expected) in [
            ("50m", Some(50)),
            ("0.05", Some(50)),
            ("1", Some(1000)),
            ("1.5", Some(1500)),
            ("0.0999", Some(99)),
            ("0", Some(0)),
            ("1e2m", None),
            ("1k", None),
            ("", None),
        ] {
            assert_eq!(milli(quantity), expected, "{quantity}");
        }
    }
}
