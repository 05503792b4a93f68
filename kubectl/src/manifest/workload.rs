//! The pods that a manifest describes, and the fields of their containers that lithify needs.

use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::yaml::{Document, Node, Path};

/// An object that pods are made from, or a pod.
pub(crate) struct Workload<'a> {
    pub(crate) kind: &'static str,
    /// Such as `Deployment web`.
    pub(crate) title: String,
    /// Index of its document.
    pub(crate) document: usize,
    /// From the document's root to the pod's `spec`.
    pub(crate) path: Path,
    pub(crate) spec: &'a Node,
    /// What holds the pod's `metadata` and `spec`.
    pub(crate) template: &'a Node,
}

/// A container of a pod.
#[derive(Clone)]
pub(crate) struct Container<'a> {
    pub(crate) node: &'a Node,
    /// From the document's root.
    pub(crate) path: Path,
    /// The name; empty for a container without one.
    pub(crate) name: &'a str,
    /// Such as `Deployment web, container nginx`.
    pub(crate) title: String,
    pod_security: Option<&'a Node>,
}

/// The keys from an object to the pod's `spec`, by kind (Kubernetes API v1, apps, batch).
const KINDS: [(&str, &[&str]); 9] = [
    ("Pod", &["spec"]),
    ("PodTemplate", &["template", "spec"]),
    ("Deployment", &["spec", "template", "spec"]),
    ("ReplicaSet", &["spec", "template", "spec"]),
    ("StatefulSet", &["spec", "template", "spec"]),
    ("DaemonSet", &["spec", "template", "spec"]),
    ("ReplicationController", &["spec", "template", "spec"]),
    ("Job", &["spec", "template", "spec"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
];

/// The workloads of all documents and of the lists in them.
pub(crate) fn workloads(documents: &[Document]) -> Vec<Workload<'_>> {
    let mut found = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        search(&document.root, index, &Path::default(), &mut found);
    }
    found
}

fn search<'a>(object: &'a Node, document: usize, path: &Path, found: &mut Vec<Workload<'a>>) {
    let kind = object.text_of("kind").unwrap_or_default();
    let group = object.text_of("apiVersion").and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    if !matches!(group, "" | "apps" | "batch" | "extensions") {
        return;
    }
    if kind.ends_with("List") {
        for (index, item) in object.get("items").map(Node::items).unwrap_or_default().iter().enumerate() {
            search(item, document, &path.key("items").index(index), found);
        }
        return;
    }
    let Some((kind, way)) = KINDS.into_iter().find(|(known, _)| *known == kind) else { return };
    let template = way.split_last().and_then(|(_, above)| object.at(above));
    if let (Some(template), Some(spec)) = (template, object.at(way)) {
        let metadata = |key| object.get("metadata").and_then(|metadata| metadata.text_of(key));
        let name = metadata("name").or_else(|| metadata("generateName")).unwrap_or("without a name");
        found.push(Workload {
            kind,
            title: format!("{kind} {}", lithify::text::escape::escape(name.as_bytes())),
            document,
            path: way.iter().fold(path.clone(), |path, key| path.key(key)),
            spec,
            template,
        });
    }
}

/// Fails if the workloads have no containers, or none of a given name.
pub(crate) fn check_names(manifest: &Manifest, workloads: &[Workload<'_>], names: &[String]) -> Result<(), Failure> {
    let Some(first) = workloads.first() else { return Ok(()) };
    let mut known: Vec<&str> =
        workloads.iter().flat_map(Workload::containers).map(|container| container.name).collect();
    known.sort_unstable();
    known.dedup();
    if known.is_empty() {
        let message = format!("{} has no containers", first.title);
        let place = first.spec.range.start..first.spec.range.start;
        return Err(Failure::Manifest(manifest.point(place, &message, "give the whole workload, not a part of it")));
    }
    let unknown: Vec<&str> = names.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(
        format!("no container is called {}", unknown.join(" or ")),
        format!(
            "the containers of {} are {}",
            manifest.file,
            lithify::text::escape::escape(known.join(", ").as_bytes())
        ),
    ))
}

impl<'a> Workload<'a> {
    /// The app's containers with these names. Without names: all of them.
    pub(crate) fn chosen(&self, names: &[String]) -> Vec<Container<'a>> {
        let mut containers = self.containers();
        containers.retain(|container| names.is_empty() || names.iter().any(|name| name == container.name));
        containers
    }

    /// The containers of the app.
    pub(crate) fn containers(&self) -> Vec<Container<'a>> {
        self.list("containers", "container")
    }

    /// The init containers, with those that `inject` added.
    pub(crate) fn init_containers(&self) -> Vec<Container<'a>> {
        self.list("initContainers", "init container")
    }

    fn list(&self, key: &str, what: &str) -> Vec<Container<'a>> {
        let items = self.spec.get(key).map(Node::items).unwrap_or_default();
        let container = |(index, node): (usize, &'a Node)| {
            let name = node.text_of("name").unwrap_or_default();
            Container {
                node,
                path: self.path.key(key).index(index),
                name,
                title: format!("{}, {what} {}", self.title, lithify::text::escape::escape(name.as_bytes())),
                pod_security: self.spec.get("securityContext"),
            }
        };
        items.iter().enumerate().map(container).collect()
    }

    /// An annotation of the pod.
    pub(crate) fn annotation(&self, name: &str) -> Option<&'a Node> {
        self.template.at(&["metadata", "annotations"])?.get(name)
    }

    pub(crate) fn volume(&self, name: &str) -> Option<&'a Node> {
        self.volume_at(name).map(|(volume, _)| volume)
    }

    /// A volume, and where it is, from the document's root.
    pub(crate) fn volume_at(&self, name: &str) -> Option<(&'a Node, Path)> {
        let mut volumes = self.spec.get("volumes")?.items().iter().enumerate();
        let (index, volume) = volumes.find(|(_, volume)| volume.text_of("name") == Some(name))?;
        Some((volume, self.path.key("volumes").index(index)))
    }
}

impl<'a> Container<'a> {
    /// The security context that decides on a key: the container's, else the pod's.
    fn decides(&self, key: &str) -> Option<&'a Node> {
        [self.node.get("securityContext"), self.pod_security]
            .into_iter()
            .flatten()
            .find(|context| context.get(key).is_some())
    }

    /// The value of that key.
    pub(crate) fn security(&self, key: &str) -> Option<&'a Node> {
        self.decides(key)?.get(key)
    }

    /// The `readOnlyRootFilesystem` of the container, if it is true.
    pub(crate) fn read_only_root(&self) -> Option<&'a Node> {
        let context = self.node.get("securityContext")?;
        context.get("readOnlyRootFilesystem").filter(|_| context.is_true("readOnlyRootFilesystem"))
    }

    /// The setting by which the container does not run as root.
    pub(crate) fn non_root(&self) -> Option<&'a Node> {
        let user = self.security("runAsUser").filter(|user| user.text() != Some("0"));
        let flag = self.decides("runAsNonRoot").filter(|context| context.is_true("runAsNonRoot"));
        user.or_else(|| flag?.get("runAsNonRoot"))
    }

    pub(crate) fn mounts(&self) -> &'a [Node] {
        self.node.get("volumeMounts").map(Node::items).unwrap_or_default()
    }

    /// The mount at exactly this path.
    pub(crate) fn mount_at(&self, path: &str) -> Option<&'a Node> {
        self.mounts().iter().find(|mount| mount.text_of("mountPath").is_some_and(|at| at.trim_end_matches('/') == path))
    }

    /// The number of a port, which is given as a number or as the name of one of the container's ports.
    pub(crate) fn port(&self, port: &str) -> Option<u16> {
        if let Ok(number) = port.parse() {
            return Some(number);
        }
        let ports = self.node.get("ports").map(Node::items).unwrap_or_default();
        let named = ports.iter().find(|known| known.text_of("name") == Some(port))?;
        named.text_of("containerPort")?.parse().ok()
    }

    /// The place of a message about the whole container.
    pub(crate) fn place(&self) -> std::ops::Range<usize> {
        self.node.get("name").map_or(self.node.range.start..self.node.range.start, |name| name.range.clone())
    }
}
