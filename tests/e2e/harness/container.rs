//! Real containers: runc bundles over an overlay of a real root filesystem, configured as the kubelet and its runtime do.

mod client;
mod config;
mod silent;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};

use self::config::config;
use super::{Ran, run, seccomp};

/// Docker's and containerd's default capabilities (moby, oci/defaults.go).
pub const DEFAULT_CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// What a container is made of.
pub struct Spec {
    /// Trees that lie over each other, the uppermost first.
    layers: Vec<PathBuf>,
    /// Whether the tree is the root itself, with no layer over it.
    bare: bool,
    /// Where its upper layer lies.
    storage: PathBuf,
    arguments: Vec<String>,
    environment: Vec<String>,
    working_directory: String,
    read_only: bool,
    user: (u32, u32),
    capabilities: Vec<&'static str>,
    no_new_privileges: bool,
    /// The rules of its seccomp profile (`linux.seccomp.syscalls`).
    seccomp: Vec<Value>,
    /// Whether the program under test is mounted at `/lithify/lithify`.
    with_lithify: bool,
    mounts: Vec<Value>,
    host_pid: bool,
    /// The pid of the container whose process namespace it enters.
    shared_pid: Option<String>,
    /// Where it finds the network of a container of the same pod.
    shared_network: Option<String>,
    /// What else is done to its configuration (OCI runtime-spec).
    changes: Vec<fn(&mut Value)>,
}

impl Spec {
    /// A container of the tree `rootfs` as a runtime makes it by default: root, default capabilities, a writable root,
    /// lithify mounted read-only at `/lithify`, a termination log.
    pub fn new(rootfs: &Path, arguments: &[&str]) -> Self {
        Self {
            layers: vec![rootfs.to_path_buf()],
            bare: false,
            storage: std::env::temp_dir(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
            working_directory: "/".to_owned(),
            read_only: false,
            user: (0, 0),
            capabilities: DEFAULT_CAPABILITIES.to_vec(),
            no_new_privileges: false,
            seccomp: vec![seccomp::refuse(&["keyctl"], 1)],
            with_lithify: true,
            mounts: Vec::new(),
            host_pid: false,
            shared_pid: None,
            shared_network: None,
            changes: Vec::new(),
        }
    }

    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.user = (uid, gid);
        self
    }

    pub fn capabilities(mut self, capabilities: &[&'static str]) -> Self {
        self.capabilities = capabilities.to_vec();
        self
    }

    pub fn no_new_privileges(mut self) -> Self {
        self.no_new_privileges = true;
        self
    }

    /// Lets the system call fail with this error number, as an older kernel or a strict seccomp profile would.
    pub fn refuse(mut self, call: &'static str, errno: i32) -> Self {
        self.seccomp.push(seccomp::refuse(&[call], errno.unsigned_abs()));
        self
    }

    /// A filesystem without `O_TMPFILE`.
    pub fn no_unnamed_files(mut self) -> Self {
        self.seccomp.push(seccomp::no_unnamed_files());
        self
    }

    /// The kernel kills whoever makes one of these system calls, as with the strictest seccomp profile.
    pub fn kill(mut self, calls: &[&str]) -> Self {
        self.seccomp.push(serde_json::json!({"names": calls, "action": "SCMP_ACT_KILL_PROCESS"}));
        self
    }

    /// Landlock's version reads as 0, which is older than any.
    pub fn oldest_landlock(mut self) -> Self {
        self.seccomp.push(seccomp::oldest_landlock());
        self
    }

    pub fn no_seccomp(mut self) -> Self {
        self.seccomp.clear();
        self
    }

    /// As `seccompProfile: {type: RuntimeDefault}`.
    pub fn runtime_default(mut self) -> Self {
        self.seccomp = seccomp::runtime_default();
        self
    }

    /// As the Pod Security Standard "restricted" with a read-only root wants it.
    pub fn restricted(self) -> Self {
        self.read_only().user(65532, 65532).capabilities(&[]).no_new_privileges().runtime_default()
    }

    /// The tree is the root itself, and is changed: as with the snapshotters `native`, `btrfs` and `devmapper` of containerd.
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// What it changes lies in this directory.
    pub fn stored_in(mut self, directory: &Path) -> Self {
        self.storage = directory.to_path_buf();
        self
    }

    /// A tree over the others, as a further layer of the image.
    pub fn layer(mut self, tree: &Path) -> Self {
        self.layers.insert(0, tree.to_path_buf());
        self
    }

    pub fn environment(mut self, environment: &[&str]) -> Self {
        self.environment = environment.iter().map(ToString::to_string).collect();
        self
    }

    pub fn working_directory(mut self, directory: &str) -> Self {
        directory.clone_into(&mut self.working_directory);
        self
    }

    /// Another command than that of `new`.
    pub fn command(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self
    }

    /// Without the program under test, which then comes with the image or in a volume.
    pub fn without_lithify(mut self) -> Self {
        self.with_lithify = false;
        self
    }

    /// As `emptyDir: {medium: Memory}`.
    pub fn tmpfs(mut self, at: &str, options: &[&str]) -> Self {
        let mut all = vec!["nosuid", "nodev"];
        all.extend(options);
        self.mounts.push(json!({"destination": at, "type": "tmpfs", "source": "tmpfs", "options": all}));
        self
    }

    /// As a volume on the node's disk.
    pub fn volume(mut self, source: &Path, at: &str, options: &[&str]) -> Self {
        let mut all = vec!["rbind"];
        all.extend(options);
        self.mounts.push(json!({"destination": at, "type": "bind", "source": source, "options": all}));
        self
    }

    /// As `hostPID: true`.
    pub fn host_pid(mut self) -> Self {
        self.host_pid = true;
        self
    }

    /// In the process and network namespaces of another container, as in a pod with `shareProcessNamespace: true`.
    pub fn share_pid_with(mut self, other: &Container) -> Self {
        self.shared_pid = Some(format!("/proc/{}/ns/pid", other.pid()));
        self.shared_network = Some(format!("/proc/{}/ns/net", other.pid()));
        self
    }

    /// As `hostUsers: false`: its root is 100000 outside.
    pub fn in_user_namespace(self) -> Self {
        self.with(|config| {
            config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
            let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
            (config["linux"]["uidMappings"], config["linux"]["gidMappings"]) = (map.clone(), map);
        })
    }

    /// With any other setting of the OCI runtime-spec.
    pub fn with(mut self, change: fn(&mut Value)) -> Self {
        self.changes.push(change);
        self
    }

    /// Starts it; it runs until it ends by itself or the value is dropped.
    pub fn start(self) -> Container {
        let container = self.create();
        container.start();
        container
    }

    /// Makes its root and configuration, and starts nothing yet.
    pub fn create(&self) -> Container {
        Container::create(self)
    }

    /// Runs it to its end: as an init container. Its termination message, and what it printed.
    pub fn run(self) -> (Ran, String) {
        let container = self.create();
        let ran = container.run_to_end();
        (ran, container.termination_message())
    }
}

/// A running container.
pub struct Container {
    name: String,
    directory: tempfile::TempDir,
    root: PathBuf,
    /// What is mounted in it.
    kept: Vec<tempfile::TempDir>,
}

impl Container {
    /// A directory that is mounted in it, and goes with it.
    pub fn keeping(mut self, directory: tempfile::TempDir) -> Self {
        self.kept.push(directory);
        self
    }

    fn create(spec: &Spec) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "containers need root: run tests/run.sh as root");
        // In a mount namespace of this thread: whatever happens, no mount outlives the test.
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>).unwrap();
        let directory = tempfile::tempdir_in(&spec.storage).unwrap();
        let at = |name: &str| directory.path().join(name);
        let root = at("root");
        for name in ["root", "upper", "work"] {
            fs::create_dir(at(name)).unwrap();
        }
        let none = None::<&str>;
        if spec.bare {
            mount(Some(&spec.layers[0]), &root, none, MsFlags::MS_BIND, none).unwrap();
        } else {
            let lower: Vec<_> = spec.layers.iter().map(|layer| layer.to_str().unwrap()).collect();
            let lower = lower.join(":");
            let layers =
                format!("lowerdir={lower},upperdir={},workdir={}", at("upper").display(), at("work").display());
            mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(layers.as_str())).unwrap();
        }
        // Root of a user namespace must get through, too.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).unwrap();
        fs::write(at("termination-log"), "").unwrap();
        // The kubelet lets any user of the container write it.
        fs::set_permissions(at("termination-log"), fs::Permissions::from_mode(0o666)).unwrap();
        fs::write(at("hosts"), "127.0.0.1 localhost\n").unwrap();
        let name = format!(
            "lithify-{}-{}",
            std::process::id(),
            directory.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.')
        );
        let container = Self { name, directory, root, kept: Vec::new() };
        container.configure(spec);
        container
    }

    /// What it runs from its next start on.
    pub fn configure(&self, spec: &Spec) {
        let config = config(spec, &self.root, self.directory.path());
        if config["linux"].get("uidMappings").is_some() {
            self.make_mount_points(&config);
        }
        fs::write(self.directory.path().join("config.json"), config.to_string()).unwrap();
    }

    /// What root of a user namespace may not make in a tree of the node's root.
    fn make_mount_points(&self, config: &Value) {
        for mount in config["mounts"].as_array().unwrap() {
            let at = self.root.join(mount["destination"].as_str().unwrap().trim_start_matches('/'));
            if mount["type"] == "bind" && Path::new(mount["source"].as_str().unwrap()).is_file() {
                fs::create_dir_all(at.parent().unwrap()).unwrap();
                fs::File::options().append(true).create(true).open(at).unwrap();
            } else {
                fs::create_dir_all(at).unwrap();
            }
        }
    }

    /// Runs it to its end, in the layer that it has already.
    pub fn run_to_end(&self) -> Ran {
        run(&mut self.run(&[]))
    }

    /// Starts it, in the layer that it has already.
    #[track_caller]
    fn start(&self) {
        let status = self.try_start();
        assert!(status, "runc: {}", self.log());
    }

    fn try_start(&self) -> bool {
        let log = fs::File::create(self.directory.path().join("log")).unwrap();
        let mut run = self.run(&["--detach"]);
        let started = run.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap().success();
        if started {
            self.wait("start", || !is_runtime(&self.pid()));
        }
        started
    }

    /// Ends it at once, and starts it again in the same layer, as Docker does; whether it could be started.
    pub fn restart(&self) -> bool {
        self.delete();
        self.try_start()
    }

    fn delete(&self) {
        let _ = self.runc("delete").arg("--force").arg(&self.name).output();
    }

    /// `runc run` of its bundle.
    fn run(&self, flags: &[&str]) -> Command {
        let mut run = self.runc("run");
        run.args(flags).arg("--bundle").arg(self.directory.path());
        run.arg("--pid-file").arg(self.directory.path().join("pid")).arg(&self.name).stdin(Stdio::null());
        run
    }

    /// The container's root as the node sees it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn pid(&self) -> String {
        fs::read_to_string(self.directory.path().join("pid")).unwrap().trim().to_owned()
    }

    /// What its first process printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    pub fn termination_message(&self) -> String {
        fs::read_to_string(self.directory.path().join("termination-log")).unwrap()
    }

    fn runc(&self, command: &str) -> Command {
        let mut runc = Command::new("runc");
        runc.arg("--root").arg(self.directory.path().join("state")).arg(command);
        runc
    }

    /// Runs a command in it, as a probe and `kubectl exec` do.
    pub fn exec<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        run(self.runc("exec").arg(&self.name).args(arguments).stdin(Stdio::null()))
    }

    /// Runs a command in its namespaces and root, for some seconds at most: a tenth of the time that a runtime takes, for
    /// many commands. One that is ended then has no code of its own: -9.
    pub fn enter<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        let mut enter = Command::new("timeout");
        enter
            .args(["-s", "KILL", "8", "nsenter", "-t", &self.pid(), "-m", "-u", "-i", "-n", "-p", "-r", "-w"])
            .args(arguments);
        enter.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        run(enter.stdin(Stdio::null()))
    }

    /// Starts a command in it that lasts.
    pub fn exec_in_background(&self, arguments: &[&str]) {
        let mut exec = self.runc("exec");
        let pid = self.directory.path().join("exec-pid");
        exec.arg("--detach").arg("--pid-file").arg(&pid).arg(&self.name).args(arguments);
        let status = exec.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "runc exec --detach {arguments:?}");
        let pid = fs::read_to_string(pid).unwrap();
        self.wait("start it", || !is_runtime(pid.trim()));
    }

    /// lithify in it.
    pub fn lithify(&self, arguments: &[&str]) -> Ran {
        self.exec(["/lithify/lithify"].iter().chain(arguments))
    }

    pub fn is_running(&self) -> bool {
        let state = run(self.runc("state").arg(&self.name));
        serde_json::from_str::<Value>(&state.stdout).is_ok_and(|state| state["status"] == "running")
    }

    /// Waits until its first process has ended.
    #[track_caller]
    pub fn wait_until_it_ends(&self) {
        self.wait("end", || !self.is_running());
    }

    #[track_caller]
    pub fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(180), "the container did not {what}: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Whether a process is still the runtime's, which returns a moment before it becomes the container's own.
fn is_runtime(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.starts_with("runc"))
}

impl Drop for Container {
    fn drop(&mut self) {
        self.delete();
        let _ = umount2(&self.root, MntFlags::MNT_DETACH);
    }
}
