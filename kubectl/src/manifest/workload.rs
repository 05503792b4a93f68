//! The pods that a manifest describes, and the fields of their containers that lithify needs.

use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::manifest::finding::{Finding, Severity};
use crate::yaml::{Document, Node, Path};
use lithify::text::escape::escape;

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

/// The kind of a [`Workload`] that is not Kubernetes' own.
const CUSTOM: &str = "custom resource";

/// An object of a manifest.
struct Object<'a> {
    node: &'a Node,
    /// Index of its document.
    document: usize,
    /// From the document's root.
    path: Path,
}

/// The workloads of all documents and of the lists in them. `pod_at` are paths, such as `spec.template`, to pod templates
/// of kinds that are not Kubernetes' own.
pub(crate) fn workloads<'a>(documents: &'a [Document], pod_at: &[String]) -> Vec<Workload<'a>> {
    let mut found = Vec::new();
    for object in objects(documents) {
        if object.is_custom() {
            found.extend(pod_at.iter().filter_map(|at| {
                let way: Vec<&str> = at.split('.').chain(["spec"]).collect();
                object.workload(CUSTOM, &way).filter(|workload| workload.spec.get("containers").is_some())
            }));
        } else if let Some((kind, way)) = KINDS.into_iter().find(|(kind, _)| *kind == object.kind()) {
            found.extend(object.workload(kind, way));
        }
    }
    found
}

/// Notes on pods in kinds that are not Kubernetes' own, and that `pod_at` does not name.
pub(crate) fn left_alone(documents: &[Document], pod_at: &[String]) -> Vec<Finding> {
    let objects = objects(documents).into_iter().filter(Object::is_custom);
    let note = |object: Object<'_>| {
        let at = template_in(object.node, &mut Vec::new(), DEEPEST)?;
        if pod_at.contains(&at) {
            return None;
        }
        let message = format!(
            "{} stays as it is: its kind is none of Kubernetes' own, and at {at} it has what a pod has",
            object.title()
        );
        let place = object.node.get("kind").map_or(object.node.range.clone(), |kind| kind.range.clone());
        Some(Finding::new(Severity::Note, &place, message, format!("--pod-at {at}, if pods are made from that")))
    };
    objects.filter_map(note).collect()
}

/// How deep a pod's template is looked for.
const DEEPEST: usize = 8;

/// The path to the first node with a `spec` of containers that have images.
fn template_in<'a>(node: &'a Node, keys: &mut Vec<&'a str>, depth: usize) -> Option<String> {
    let containers = node.at(&["spec", "containers"]).map(Node::items).unwrap_or_default();
    if containers.iter().any(|container| container.get("image").is_some()) {
        return Some(escape(keys.join(".").as_bytes()));
    }
    let depth = depth.checked_sub(1)?;
    node.entries().iter().find_map(|entry| {
        keys.push(&entry.key);
        let found = template_in(&entry.value, keys, depth);
        keys.pop();
        found
    })
}

/// The objects of all documents, with the items of lists in place of these.
fn objects(documents: &[Document]) -> Vec<Object<'_>> {
    let mut found = Vec::new();
    for (document, root) in documents.iter().enumerate() {
        search(Object { node: &root.root, document, path: Path::default() }, &mut found);
    }
    found
}

fn search<'a>(object: Object<'a>, found: &mut Vec<Object<'a>>) {
    if object.is_custom() || !object.kind().ends_with("List") {
        found.push(object);
        return;
    }
    let items = object.node.get("items").map(Node::items).unwrap_or_default();
    for (index, node) in items.iter().enumerate() {
        search(Object { node, document: object.document, path: object.path.key("items").index(index) }, found);
    }
}

impl<'a> Object<'a> {
    fn kind(&self) -> &'a str {
        self.node.text_of("kind").unwrap_or_default()
    }

    /// Whether its API group has no workloads of Kubernetes' own.
    fn is_custom(&self) -> bool {
        let version = self.node.text_of("apiVersion").and_then(|version| version.split_once('/'));
        !matches!(version.map_or("", |(group, _)| group), "" | "apps" | "batch" | "extensions")
    }

    /// Kind and name.
    fn title(&self) -> String {
        let metadata = |key| self.node.get("metadata").and_then(|metadata| metadata.text_of(key));
        let name = metadata("name").or_else(|| metadata("generateName")).unwrap_or("without a name");
        format!("{} {}", escape(self.kind().as_bytes()), escape(name.as_bytes()))
    }

    /// The workload whose pod's `spec` is at the end of these keys.
    fn workload(&self, kind: &'static str, way: &[&str]) -> Option<Workload<'a>> {
        let (_, above) = way.split_last()?;
        Some(Workload {
            kind,
            title: self.title(),
            document: self.document,
            path: way.iter().fold(self.path.clone(), |path, key| path.key(key)),
            spec: self.node.at(way)?,
            template: self.node.at(above)?,
        })
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
        format!("the containers of {} are {}", manifest.file, escape(known.join(", ").as_bytes())),
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
                title: format!("{}, {what} {}", self.title, escape(name.as_bytes())),
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
