//! Runs the pod of a manifest as the kubelet does: volumes, then the init containers in their order, each to its end and
//! with exit code 0, then the containers, each past its startupProbe.
//!
//! A field that is not known here is an error, so that no manifest says what is not done. Not as on a node:
//! - each container has its own network, IPC and UTS namespaces and there is no pause container, so a manifest with two
//!   containers is refused; no cgroup, no resource limit, no DNS, no variables of services;
//! - the time between two tries of a startupProbe is a tenth of `periodSeconds`; `initialDelaySeconds` is not known;
//! - a livenessProbe is run when a test asks for it, and nothing is killed: `start` once more is the restart, with a fresh
//!   root and the same volumes, and without the init containers;
//! - `$(VARIABLE)` in a command is refused, since nothing is expanded;
//! - without a `seccompProfile` there is none, as with a kubelet without `seccompDefault`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::Ran;
use super::container::{Container, DEFAULT_CAPABILITIES, Spec};
use super::image::Image;

/// A pod with its volumes.
pub struct Pod {
    spec: PodSpec,
    configuration: BTreeMap<String, BTreeMap<String, String>>,
    directory: tempfile::TempDir,
}

impl Pod {
    /// The one pod of a manifest, with its ConfigMaps; its volumes are made.
    pub fn apply(manifest: &str) -> Self {
        let (mut pods, mut configuration) = (Vec::new(), BTreeMap::new());
        for document in serde_norway::Deserializer::from_str(manifest) {
            match Object::deserialize(document).unwrap_or_else(|error| panic!("{error}:\n{manifest}")) {
                Object::Pod { spec, .. } => pods.push(spec),
                Object::ConfigMap { metadata, data, .. } => drop(configuration.insert(metadata.name, data)),
            }
        }
        assert!(pods.len() == 1 && pods[0].containers.len() == 1, "one pod with one container:\n{manifest}");
        let pod = Self { spec: pods.remove(0), configuration, directory: tempfile::tempdir().unwrap() };
        fs::set_permissions(pod.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for volume in &pod.spec.volumes {
            pod.make(volume);
        }
        if pod.spec.automount_service_account_token.unwrap_or(true) {
            pod.project(
                "token",
                &["token", "ca.crt", "namespace"].map(|name| (name.to_owned(), name.to_owned())).into(),
            );
        }
        pod
    }

    fn volume(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn make(&self, volume: &Volume) {
        match volume {
            Volume { name, empty_dir: Some(Empty {}), config_map: None } => {
                let at = self.volume(name);
                fs::create_dir(&at).unwrap();
                fs::set_permissions(&at, fs::Permissions::from_mode(0o777)).unwrap();
                if let Some(group) = self.spec.security_context.fs_group {
                    chown(&at, None, Some(group)).unwrap();
                    fs::set_permissions(&at, fs::Permissions::from_mode(0o2777)).unwrap();
                }
            }
            Volume { name, empty_dir: None, config_map: Some(map) } => {
                self.project(name, &self.configuration[&map.name])
            }
            Volume { name, .. } => panic!("what kind of volume is {name}?"),
        }
    }

    /// Files as the kubelet's atomic writer lays them out: links to a directory that it exchanges at an update.
    fn project(&self, name: &str, files: &BTreeMap<String, String>) {
        let at = self.volume(name);
        let version = at.join("..2026_01_01_00_00_00.1");
        fs::create_dir_all(&version).unwrap();
        symlink(version.file_name().unwrap(), at.join("..data")).unwrap();
        for (file, content) in files {
            fs::write(version.join(file), content).unwrap();
            symlink(Path::new("..data").join(file), at.join(file)).unwrap();
        }
    }

    /// Runs the init containers, and gives what each printed.
    #[track_caller]
    pub fn initialize(&self) -> Vec<String> {
        let logs = self.spec.init_containers.iter().map(|container| {
            let (ran, message) = self.container(container).1.run();
            assert_eq!((ran.code, message.as_str()), (0, ""), "init container {}: {}", container.name, ran.all());
            ran.all()
        });
        logs.collect()
    }

    fn only(&self) -> &ContainerSpec {
        &self.spec.containers[0]
    }

    /// Starts the container, and gives it once its startupProbe has succeeded.
    #[track_caller]
    pub fn start(&self) -> Started {
        let (image, spec) = self.container(self.only());
        let started = Started { container: spec.start(), tries: Vec::new(), _image: image };
        match &self.only().startup_probe {
            Some(probe) => started.past(probe),
            None => started,
        }
    }

    /// Runs the container's livenessProbe.
    #[track_caller]
    pub fn is_alive(&self, container: &Container) -> Ran {
        execute(container, self.only().liveness_probe.as_ref().unwrap())
    }

    /// What a client in the pod gets from the port of the container.
    #[track_caller]
    pub fn answer(&self, container: &Container) -> String {
        container.http_at(&format!("{}/", self.only().ports[0].container_port))
    }

    fn container(&self, container: &ContainerSpec) -> (Image, Spec) {
        let image = Image::pull(&container.image);
        let (pod, own) = (&self.spec.security_context, &container.security_context);
        let arguments = match (container.command.is_empty(), container.args.is_empty()) {
            (true, true) => [image.entrypoint.clone(), image.command.clone()].concat(),
            (true, false) => [image.entrypoint.clone(), container.args.clone()].concat(),
            (false, _) => [container.command.clone(), container.args.clone()].concat(),
        };
        assert!(!arguments.iter().any(|word| word.contains("$(") || word.contains("$$")), "{arguments:?}");
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (base, upper) = image.layers.split_last().unwrap();
        let mut spec = upper.iter().rev().fold(Spec::new(base, &arguments), |spec, layer| spec.layer(layer));
        spec = spec.without_lithify().environment(&[image.path]).working_directory(image.working_directory);

        let uid = own.run_as_user.or(pod.run_as_user);
        let gid = own.run_as_group.or(pod.run_as_group).unwrap_or(if uid.is_some() { 0 } else { image.user.1 });
        let uid = uid.unwrap_or(image.user.0);
        assert!(!pod.run_as_non_root || uid != 0, "the kubelet refuses {}: it would run as root", container.name);
        spec = spec.user(uid, gid).groups(pod.fs_group.as_slice());
        if own.read_only_root_filesystem {
            spec = spec.read_only();
        }
        if own.allow_privilege_escalation == Some(false) {
            spec = spec.no_new_privileges();
        }
        spec = match &pod.seccomp_profile {
            Some(profile) if profile.kind == "RuntimeDefault" => spec.runtime_default(),
            Some(profile) => panic!("seccompProfile {}", profile.kind),
            None => spec.no_seccomp(),
        };
        let dropped = |name: &&str| {
            let drop = &own.capabilities.drop;
            drop.iter().any(|drop| drop == "ALL" || Some(drop.as_str()) == name.strip_prefix("CAP_"))
        };
        let capabilities: Vec<_> = DEFAULT_CAPABILITIES.into_iter().filter(|name| !dropped(name)).collect();
        spec = spec.capabilities(&capabilities);

        for mount in &container.volume_mounts {
            let volume = self.spec.volumes.iter().find(|volume| volume.name == mount.name);
            let volume =
                volume.unwrap_or_else(|| panic!("{} mounts {}, which is no volume", container.name, mount.name));
            let source = self.volume(&mount.name).join(&mount.sub_path);
            if !source.exists() {
                // The kubelet makes what a subPath names, with the volume's mode.
                let mode = self.volume(&mount.name).metadata().unwrap().permissions();
                fs::create_dir_all(&source).unwrap();
                fs::set_permissions(&source, mode).unwrap();
            }
            // What leads through a link is mounted as what it leads to; a ConfigMap is never writable.
            let read_only = mount.read_only || volume.config_map.is_some();
            let options: &[&str] = if read_only { &["ro"] } else { &["rw"] };
            spec = spec.volume(&source.canonicalize().unwrap(), &mount.mount_path, options);
        }
        let token = self.volume("token");
        if token.exists() {
            spec = spec.volume(&token, "/var/run/secrets/kubernetes.io/serviceaccount", &["ro"]);
        }
        (image, spec)
    }
}

/// A container that is past its startupProbe, and how often that was tried before.
pub struct Started {
    pub container: Container,
    pub tries: Vec<Ran>,
    _image: Image,
}

impl Started {
    #[track_caller]
    fn past(mut self, probe: &Probe) -> Self {
        while self.tries.len() < probe.failure_threshold.unwrap_or(3) {
            let ran = execute(&self.container, probe);
            let over = ran.code == 0;
            self.tries.push(ran);
            if over {
                return self;
            }
            std::thread::sleep(Duration::from_millis(100) * probe.period_seconds);
        }
        panic!("the kubelet would kill the container: {:#?}", self.tries);
    }
}

#[track_caller]
fn execute(container: &Container, probe: &Probe) -> Ran {
    let start = std::time::Instant::now();
    let ran = container.exec(&probe.exec.command);
    assert!(start.elapsed() < Duration::from_secs(probe.timeout_seconds), "the kubelet would end the probe: {ran:?}");
    ran
}

#[derive(Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
enum Object {
    Pod {
        #[serde(rename = "apiVersion")]
        _version: String,
        #[serde(rename = "metadata")]
        _metadata: Metadata,
        spec: PodSpec,
    },
    ConfigMap {
        #[serde(rename = "apiVersion")]
        _version: String,
        metadata: Metadata,
        data: BTreeMap<String, String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PodSpec {
    automount_service_account_token: Option<bool>,
    #[serde(default)]
    security_context: PodSecurity,
    #[serde(default)]
    init_containers: Vec<ContainerSpec>,
    containers: Vec<ContainerSpec>,
    #[serde(default)]
    volumes: Vec<Volume>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct PodSecurity {
    run_as_non_root: bool,
    run_as_user: Option<u32>,
    run_as_group: Option<u32>,
    fs_group: Option<u32>,
    seccomp_profile: Option<SeccompProfile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeccompProfile {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ContainerSpec {
    name: String,
    image: String,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    ports: Vec<Port>,
    #[serde(default)]
    security_context: Security,
    startup_probe: Option<Probe>,
    liveness_probe: Option<Probe>,
    #[serde(default)]
    volume_mounts: Vec<Mount>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Port {
    container_port: u16,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Security {
    run_as_user: Option<u32>,
    run_as_group: Option<u32>,
    read_only_root_filesystem: bool,
    allow_privilege_escalation: Option<bool>,
    capabilities: Capabilities,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Capabilities {
    drop: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Probe {
    exec: Exec,
    period_seconds: u32,
    failure_threshold: Option<usize>,
    timeout_seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exec {
    command: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Mount {
    name: String,
    mount_path: String,
    #[serde(default)]
    sub_path: String,
    #[serde(default)]
    read_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Volume {
    name: String,
    empty_dir: Option<Empty>,
    config_map: Option<ConfigMapName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigMapName {
    name: String,
}
