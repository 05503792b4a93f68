//! Images that no distribution's packages made.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apps::list::{APP, App, Tree};
use crate::harness::container::Spec;
use crate::harness::rootfs;

/// One static program in an empty root; one program with many names; Python in an environment of its own.
pub const IMAGES: &[App] = &[
    App { name: "static-rust", tree: Tree::Made(static_rust), command: &["/server"], ..APP },
    App {
        name: "busybox",
        tree: Tree::Made(busybox),
        command: &["/bin/httpd", "-f", "-p", "8080", "-h", "/srv"],
        ..APP
    },
    App { name: "venv", tree: Tree::Made(venv), command: &["/srv/venv/bin/app"], ..APP },
];

/// As `FROM scratch`, with a server in Rust.
fn static_rust() -> (PathBuf, PathBuf) {
    let tree = made("static-rust", |tree| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/apps/learned/server.rs");
        let rustc = Command::new("rustc")
            .args(["--edition=2024", "--target=x86_64-unknown-linux-musl", "-Copt-level=s", "-Cstrip=symbols", "-o"])
            .arg(tree.join("server"))
            .arg(source)
            .status();
        assert!(rustc.unwrap().success(), "rustc");
    });
    (tree.clone(), tree)
}

/// As the official image: one static program, with a link for each of its commands in /bin.
fn busybox() -> (PathBuf, PathBuf) {
    let tree = made("busybox", |tree| {
        for directory in ["bin", "etc", "srv", "tmp"] {
            fs::create_dir(tree.join(directory)).unwrap();
        }
        fs::copy("/bin/busybox", tree.join("bin/busybox")).unwrap();
        let list = Command::new("/bin/busybox").arg("--list").output().unwrap().stdout;
        for name in String::from_utf8(list).unwrap().lines().filter(|name| *name != "busybox") {
            symlink("/bin/busybox", tree.join("bin").join(name)).unwrap();
        }
        fs::write(tree.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        fs::write(tree.join("srv/index.html"), "busybox answers\n").unwrap();
    });
    (tree.clone(), tree)
}

/// Debian's Python, with an environment that `python3 -m venv` made, and an app that is installed in that.
fn venv() -> (PathBuf, PathBuf) {
    let base = rootfs("python");
    let layer = made("venv", |layer| {
        let spec = Spec::new(&base, &["python3", "-m", "venv", "--without-pip", "/srv/venv"]);
        let container = spec.create();
        container.run_to_end().exits(0);
        fs::create_dir(layer.join("srv")).unwrap();
        let copied =
            Command::new("cp").arg("-a").arg(container.root().join("srv/venv")).arg(layer.join("srv")).status();
        assert!(copied.unwrap().success(), "cp");
        let script = layer.join("srv/venv/bin/app");
        fs::write(&script, "#!/srv/venv/bin/python3\nimport runpy\nrunpy.run_path('/srv/app.py')\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    });
    (base, layer)
}

/// A tree that is made when it is needed first. Tests that run at the same time each make their own, and one stays.
fn made(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("images");
    let tree = directory.join(name);
    if !tree.is_dir() {
        fs::create_dir_all(&directory).unwrap();
        let own = tempfile::tempdir_in(&directory).unwrap();
        let root = own.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        make(&root);
        let moved = fs::rename(root, &tree);
        assert!(moved.is_ok() || tree.is_dir(), "{moved:?}");
    }
    tree
}
