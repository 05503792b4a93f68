//! A Docker daemon of the test's own, with Docker Compose: in its own network and mount namespaces, where nothing of this
//! machine's own Docker is seen and nothing is left when the test ends.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::builder::official;
use super::{Ran, run};

pub struct Docker {
    daemon: Child,
    directory: tempfile::TempDir,
}

impl Docker {
    /// Starts it with these images, by their whole names.
    #[track_caller]
    pub fn with(images: &[&str]) -> Self {
        // Of this thread, and of what it starts: its own /run, so that everybody's default socket is that of this daemon,
        // and its own addresses and ports.
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).unwrap();
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
        mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).unwrap();
        run(Command::new("ip").args(["link", "set", "lo", "up"])).exits(0);
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        // Ends with this thread, also if that is killed.
        let daemon = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "TERM",
                "dockerd",
                "--iptables=false",
                "--ip6tables=false",
                "--exec-opt",
                "native.cgroupdriver=cgroupfs",
                "--data-root",
            ])
            .arg(directory.path().join("data"))
            .arg(format!("--cgroup-parent={}", cgroup()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let docker = Self { daemon, directory };
        docker.wait("start", || Path::new("/run/docker.sock").exists());
        for image in images {
            run(official().args(["push", "--quiet", image, &format!("docker-daemon:{image}")])).exits(0);
        }
        docker
    }

    /// docker-compose on this file.
    pub fn compose<S: AsRef<std::ffi::OsStr>>(&self, file: &Path, arguments: impl IntoIterator<Item = S>) -> Ran {
        let mut compose = Command::new("docker-compose");
        compose.env_remove("DOCKER_HOST").args(["--ansi", "never", "--project-name", "test", "--file"]).arg(file);
        run(compose.args(arguments).stdin(Stdio::null()))
    }

    /// The client, which takes a tenth of the time of docker-compose.
    pub fn client<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        let mut client = Command::new("docker");
        run(client.env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT").args(arguments).stdin(Stdio::null()))
    }

    /// What a URL of the machine answers.
    #[track_caller]
    pub fn http(&self, url: &str) -> String {
        let mut answer = String::new();
        self.wait("answer", || {
            let ran = run(Command::new("curl").args(["-sS", "--max-time", "20", url]));
            answer = ran.stdout;
            ran.code == 0
        });
        answer
    }

    #[track_caller]
    pub fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            let log = || std::fs::read_to_string(self.directory.path().join("log")).unwrap();
            assert!(start.elapsed() < Duration::from_secs(60), "docker did not {what}: {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The control group of its containers.
fn cgroup() -> String {
    format!("lithify-test-{}", std::process::id())
}

impl Drop for Docker {
    fn drop(&mut self) {
        // It ends its containers, its containerd and its mounts.
        let _ = kill(Pid::from_raw(i32::try_from(self.daemon.id()).unwrap()), Signal::SIGTERM);
        let _ = self.daemon.wait();
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = std::fs::remove_dir(hierarchy.path().join(cgroup()));
        }
        let _ = std::fs::remove_dir(Path::new("/sys/fs/cgroup").join(cgroup()));
    }
}
