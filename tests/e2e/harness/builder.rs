//! Images: those that the examples name, made by tests/images.sh, and what buildah builds over them. Nothing is pulled.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;

use super::container::Spec;
use super::{Ran, lithify, run};

/// buildah on the storage of the images that the examples name; with lithify's own of the program under test.
pub fn official() -> Command {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    run(Command::new(project.join("tests/images.sh")).env("LITHIFY_BIN", lithify())).exits(0);
    let images = project.join("target/images");
    let mut buildah = Command::new("buildah");
    buildah.arg("--root").arg(images.join("storage")).arg("--runroot").arg(images.join("run"));
    buildah
}

/// buildah with a storage of its own above that.
pub struct Builder {
    directory: tempfile::TempDir,
}

/// A built image, or one that the examples name.
#[derive(Debug)]
pub struct Image {
    /// Its name, which is that of its Dockerfile if it was built.
    pub name: String,
    /// Its whole filesystem, mounted in this thread's mount namespace.
    pub root: PathBuf,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    environment: Vec<String>,
    working_directory: String,
}

impl Builder {
    pub fn new() -> Self {
        // Whatever happens, no mount outlives the test.
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>).unwrap();
        drop(official());
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn buildah<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/images/storage");
        let mut buildah = Command::new("buildah");
        buildah.arg("--root").arg(self.at("storage")).arg("--runroot").arg(self.at("run"));
        buildah.arg("--storage-opt").arg(format!("overlay.imagestore={}", below.display()));
        run(buildah.args(arguments))
    }

    /// Builds `examples/bake/NAME.Dockerfile` as the image NAME; what it printed, the image's id at the end of it.
    #[track_caller]
    pub fn build(&self, name: &str, flags: &[&str]) -> Ran {
        let context = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bake");
        let file = context.join(format!("{name}.Dockerfile"));
        let mut arguments = vec!["build", "--pull-never", "--network", "none", "--isolation", "oci", "--tag", name];
        arguments.extend(flags);
        arguments.extend(["--file", file.to_str().unwrap(), context.to_str().unwrap()]);
        self.buildah(arguments).exits(0)
    }

    /// The image of this name, with its filesystem mounted.
    #[track_caller]
    pub fn image(&self, name: &str) -> Image {
        let container = self.buildah(["from", "--pull-never", name]).exits(0).stdout.trim().to_owned();
        let root = self.buildah(["mount", &container]).exits(0).stdout.trim().into();
        let inspected = self.buildah(["inspect", "--type", "image", name]).exits(0).json();
        let config = &inspected["OCIv1"]["config"];
        let words = |key: &str| -> Vec<String> {
            let words = config[key].as_array().map(Vec::as_slice).unwrap_or_default();
            words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        Image {
            name: name.to_owned(),
            root,
            entrypoint: words("Entrypoint"),
            command: words("Cmd"),
            environment: words("Env"),
            working_directory: config["WorkingDir"].as_str().unwrap_or("/").to_owned(),
        }
    }

    /// An archive of the image, as `buildah push` writes it in this format.
    #[track_caller]
    pub fn archive(&self, name: &str, format: &str) -> PathBuf {
        let archive = self.at(&format!("{format}.tar"));
        drop(std::fs::remove_file(&archive));
        self.buildah(["push", "--quiet", name, &format!("{format}:{}:x:1", archive.display())]).exits(0);
        archive
    }

    /// The compressed tar archives of its layers, the lowest first.
    #[track_caller]
    pub fn layers(&self, name: &str) -> Vec<PathBuf> {
        let layout = self.at(&format!("{name}.layout"));
        let to = format!("oci:{}", layout.display());
        self.buildah(["push", "--quiet", "--compression-level", "1", name, &to]).exits(0);
        let blob = |digest: &Value| layout.join("blobs").join(digest.as_str().unwrap().replace(':', "/"));
        let json = |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
        let index = json(&layout.join("index.json"));
        let manifest = json(&blob(&index["manifests"][0]["digest"]));
        manifest["layers"].as_array().unwrap().iter().map(|layer| blob(&layer["digest"])).collect()
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.buildah(["umount", "--all"]);
    }
}

impl Image {
    /// A container of it, as the image says how it is run.
    pub fn container(&self) -> Spec {
        let arguments: Vec<_> = self.entrypoint.iter().chain(&self.command).map(String::as_str).collect();
        let environment: Vec<_> = self.environment.iter().map(String::as_str).collect();
        let directory = if self.working_directory.is_empty() { "/" } else { &self.working_directory };
        Spec::new(&self.root, &arguments).environment(&environment).working_directory(directory)
    }
}
