//! The ways to harden a container of an app.

use std::path::Path;
use std::time::Duration;

use super::client;
use super::fix::Site;
use super::list::{App, Tree};
use crate::harness::container::{Container, Spec};
use crate::harness::{Ran, rootfs};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `harden --wait-for-app` in the running container, by a kubelet.
    Probe,
    /// `RUN ["/lithify/lithify", "harden", ...]` in the image's build.
    Build,
    /// `run` as the container's command.
    Run,
}

pub const LITHIFY: &str = "/lithify/lithify";

impl Way {
    pub const ALL: [Self; 3] = [Self::Probe, Self::Build, Self::Run];

    /// A new container of the app, running and hardened this way; or what lithify said of why it is not.
    pub fn harden(self, app: &App, site: &Site) -> Result<Container, Ran> {
        let directory = tempfile::tempdir().unwrap();
        let own = site.flags(directory.path());
        let flags = strs(&own);
        let command = strs(&site.command);
        let spec = app.spec().command(&command).environment(&environment(&site.environment));
        let spec = spec.volume(directory.path(), "/site", &["ro"]);
        let result = match self {
            Self::Probe => by_probe(app, spec, &flags),
            Self::Build => by_build(spec, &flags, &command),
            Self::Run => {
                let user = site.user.map(|user| ["--user", user]);
                by_run(app, spec, &[&flags, user.as_slice().concat().as_slice()].concat(), &command)
            }
        };
        // It is mounted in the container, which lives on.
        result.map(|container| container.keeping(directory))
    }
}

/// As a kubelet does, which repeats it until it succeeds. When the app has been up for a while, it has had time enough.
fn by_probe(app: &App, spec: Spec, flags: &[&str]) -> Result<Container, Ran> {
    let container = spec.start();
    let (mut is_up, mut tries) = (false, 0);
    loop {
        let patience = if tries < 10 { "86400" } else { "1" };
        let ran = container.lithify(&[&["harden", "--wait-for-app", "--wait-timeout", patience], flags].concat());
        match ran.code {
            0 => return Ok(container),
            75 => std::thread::sleep(Duration::from_millis(250)),
            _ if is_up || !container.is_running() => return Err(ran),
            // What is refused while it starts may be only a part of its start.
            _ => std::thread::sleep(Duration::from_millis(250)),
        }
        is_up = is_up || client::is_answering(app, &container);
        tries += u32::from(is_up);
    }
}

fn by_build(spec: Spec, flags: &[&str], command: &[&str]) -> Result<Container, Ran> {
    let spec = spec.command(&[&[LITHIFY, "harden"], flags].concat());
    let container = spec.create();
    let ran = container.run_to_end();
    if ran.code != 0 {
        return Err(ran);
    }
    container.configure(&spec.command(command));
    assert!(container.restart(), "{}", container.log());
    Ok(container)
}

fn by_run(app: &App, spec: Spec, flags: &[&str], command: &[&str]) -> Result<Container, Ran> {
    let container = spec.command(&[&[LITHIFY, "run"], flags, &["--"], command].concat()).start();
    let mut ended = false;
    container.wait("harden and answer, or end", || {
        ended = !container.is_running();
        ended || (container.log().contains("lithify run /: ") && client::is_answering(app, &container))
    });
    if ended && container.log().contains("  fix: ") {
        return Err(Ran { code: 125, stdout: container.log(), stderr: String::new() });
    }
    Ok(container)
}

impl App {
    /// What its container starts: its command, below an init if it needs one.
    pub fn started(&self) -> Vec<&'static str> {
        let init: &[&str] = if self.needs_init { &[LITHIFY, "init", "--"] } else { &[] };
        [init, self.command].concat()
    }

    /// A container of it as its image says.
    pub fn spec(&self) -> Spec {
        let command = &self.started();
        let spec = match self.tree {
            Tree::Rootfs => Spec::new(&rootfs(self.name), command),
            Tree::Layer(name) => {
                let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/apps");
                let layer = trees.join(name);
                assert!(layer.is_dir(), "{} is not there: run tests/apps.sh first", layer.display());
                Spec::new(&trees.join("base"), command).layer(&layer)
            }
            Tree::Made(make) => {
                let (base, layer) = make();
                let spec = Spec::new(&base, command);
                if base == layer { spec } else { spec.layer(&layer) }
            }
        };
        let own: Vec<String> = self.environment.iter().map(ToString::to_string).collect();
        spec.environment(&environment(&own))
    }
}

/// With the `PATH` of an image of Debian.
pub fn environment(own: &[String]) -> Vec<&str> {
    let path = own.iter().find(|variable| variable.starts_with("PATH="));
    let path = path.map_or("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", String::as_str);
    let others = own.iter().map(String::as_str).filter(|variable| !variable.starts_with("PATH="));
    std::iter::once(path).chain(others).collect()
}

pub fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
