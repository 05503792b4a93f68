//! Every Dockerfile of `examples/bake` is built, and its image run: the app answers, what worked in the base image does not
//! work in it, and no layer holds what the example says is gone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harden::attack::by_every_name;
use crate::harness::attempts::{ANYWHERE, ECHO, LOADER, works};
use crate::harness::builder::{Builder, Image};
use crate::harness::container::Container;
use crate::harness::tree::manifest;
use crate::harness::{run, run_lithify};

/// Of use to an intruder; what scan also finds are orphaned scripts, whose interpreter is gone.
const CLASSES: &str = "shell,multi-call,interpreter,package-manager,downloader,network,compiler,debugger,privilege,editor,\
                       launcher,container-client,file-tool,setuid,setgid,file-capabilities,world-writable";

/// In an image of Alpine, where busybox is all of them.
const IN_ALPINE: &[&[&str]] = &[
    &["/bin/sh", "-c", ECHO],
    &["ash", "-c", ECHO],
    &["/bin/busybox", "sh", "-c", ECHO],
    &["busybox", "ash", "-c", ECHO],
    &["awk", "BEGIN { print \"pw\" \"ned\" }"],
    &["env", "printf", "pw%sned", ""],
    &["find", "/etc/passwd", "-exec", "printf", "pw%sned", "", ";"],
    &["timeout", "5", "printf", "pw%sned", ""],
    &["setsid", "printf", "pw%sned", ""],
    &["chroot", "/", "printf", "pw%sned", ""],
    &["su", "-s", "/bin/sh", "-c", ECHO],
    &["start-stop-daemon", "-S", "-n", "x", "-x", "/bin/sh", "--", "-c", ECHO],
];

fn owned(attempts: &[&[&str]]) -> Vec<Vec<String>> {
    attempts.iter().map(|attempt| attempt.iter().map(ToString::to_string).collect()).collect()
}

#[track_caller]
fn serves(container: &Container, text: &str) {
    assert!(container.http_at("80/").contains(text));
}

/// Runs both images: the app answers, what works in the base does not work in the other, and scan finds nothing there.
#[track_caller]
fn withstands(base: &Image, image: &Image, attempts: &[&[&str]], serving: &str) {
    let before = base.container().start();
    serves(&before, serving);
    let mut attempts = owned(attempts);
    let idle: Vec<_> = attempts.iter().filter(|attempt| !works(&before.enter(*attempt))).collect();
    assert!(idle.is_empty(), "no attacks even before: {idle:#?}");
    if image.name == "debian" {
        let named = by_every_name(&before);
        assert!(named.len() >= 11, "{named:?}");
        attempts.extend(named);
    }
    drop(before);

    // As it would be deployed: nothing is mounted into it.
    let after = image.container().without_lithify().start();
    serves(&after, serving);
    // What fails does not do so because nothing could be started at all.
    after.enter([LOADER, "--version"]).exits(0).says("ld.so");
    let tried = attempts.iter().map(|attempt| (attempt, after.enter(attempt)));
    let working: Vec<_> = tried.filter(|(_, ran)| ran.code == 0 || works(ran)).collect();
    assert!(working.is_empty(), "still work: {working:#?}");
    assert!(after.is_running());
    finds_nothing(&image.root);
    println!("{}: {} attempts worked in {}", image.name, attempts.len(), base.name);
}

#[track_caller]
fn finds_nothing(root: &Path) {
    let root = root.to_str().unwrap();
    run_lithify(["scan", "--root", root, "--fail-on", CLASSES]).exits(0);
}

/// The names in a layer, as the image format has them: `.wh.NAME` where one of a lower layer is hidden.
fn entries(layer: &Path) -> BTreeSet<PathBuf> {
    let listed = run(Command::new("tar").arg("-tzf").arg(layer)).exits(0).stdout;
    let names = listed.lines().map(|line| line.trim_start_matches("./").trim_end_matches('/'));
    names.filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

/// The image is one layer, which holds what its filesystem holds and nothing else; its size.
#[track_caller]
fn is_one_layer(builder: &Builder, image: &Image) -> u64 {
    let layers = builder.layers(&image.name);
    assert_eq!(layers.len(), 1, "{layers:?}");
    let (archive, seen) = (entries(&layers[0]), manifest(&image.root).into_keys().collect());
    let differ: Vec<_> = archive.symmetric_difference(&seen).collect();
    assert!(differ.is_empty(), "{differ:?}");
    layers[0].metadata().unwrap().len()
}

/// What an image's filesystem takes, in bytes.
fn size(image: &Image) -> u64 {
    let used = run(Command::new("du").args(["-sb", "--one-file-system"]).arg(&image.root)).exits(0).stdout;
    used.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn debian() {
    let builder = Builder::new();
    builder.build("debian", &[]).says("removed");
    let (base, image) = (builder.image("docker.io/library/nginx:1.28"), builder.image("debian"));
    withstands(&base, &image, ANYWHERE, "Welcome to nginx!");
    // Scanners of vulnerabilities read it.
    let packages = fs::read_to_string(image.root.join("var/lib/dpkg/status")).unwrap();
    assert!(packages.contains("Package: dash\n"), "{packages}");
    // What the header says of layers: the shell is hidden, not gone.
    let layers = builder.layers("debian");
    assert_eq!(layers.len(), 2, "{layers:?}");
    assert!(entries(&layers[0]).contains(Path::new("usr/bin/dash")));
    assert!(entries(layers.last().unwrap()).contains(Path::new("usr/bin/.wh.dash")));
    // lithify is in it, for probes and hooks.
    let container = image.container().without_lithify().start();
    serves(&container, "Welcome to nginx!");
    container.exec(["/lithify", "verify", "--profile", "nginx", "--profile", "distroless"]).exits(0);
    container.exec(["/lithify", "probe", "http", "http://127.0.0.1/"]).exits(0);
}

#[test]
fn alpine() {
    let builder = Builder::new();
    builder.build("alpine", &[]).says("removed");
    let (base, image) = (builder.image("docker.io/library/nginx:1.28-alpine"), builder.image("alpine"));
    withstands(&base, &image, IN_ALPINE, "Welcome to nginx!");
    for directory in ["bin", "sbin", "usr/bin"] {
        assert_eq!(fs::read_dir(image.root.join(directory)).unwrap().count(), 0, "{directory}");
    }
    assert!(image.root.join("lib/apk/db/installed").is_file());
    let container = image.container().without_lithify().start();
    serves(&container, "Welcome to nginx!");
    container.exec(["/lithify", "verify", "--profile", "nginx", "--profile", "distroless"]).exits(0);
}

#[test]
fn squashed() {
    let builder = Builder::new();
    builder.build("squashed", &[]).says("removed");
    let (base, image) = (builder.image("docker.io/library/nginx:1.28"), builder.image("squashed"));
    withstands(&base, &image, ANYWHERE, "Welcome to nginx!");
    let compressed = is_one_layer(&builder, &image);
    // lithify was only mounted, and everything else came over as it was: owners, modes, links, extended attributes.
    assert!(!image.root.join("lithify").exists());
    assert!(image.root.join("var/lib/dpkg/status").is_file());
    let (here, there) = (manifest(&image.root), manifest(&base.root));
    let differ: Vec<_> = here.iter().filter(|(path, what)| there.get(*path) != Some(what)).collect();
    assert!(differ.len() == 1 && differ[0].0 == Path::new("etc/passwd"), "{differ:#?}");
    assert!(attributes(&image).is_subset(&attributes(&base)));
    smaller(&base, "nginx", &image, compressed, 0.82);
}

#[test]
fn allow_list() {
    let builder = Builder::new();
    builder.build("allow-list", &[]).says("removed");
    let (base, image) = (builder.image("docker.io/library/httpd:2.4"), builder.image("allow-list"));
    withstands(&base, &image, ANYWHERE, "It works!");
    let compressed = is_one_layer(&builder, &image);
    smaller(&base, "httpd", &image, compressed, 0.06);
    // Of everything that the kernel would start, httpd and the loader are left.
    let programs: Vec<_> =
        manifest(&image.root).into_keys().filter(|path| is_program(&image.root.join(path))).collect();
    assert_eq!(
        programs,
        ["usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "usr/local/apache2/bin/httpd"].map(PathBuf::from)
    );
}

/// The same base and the same lithify make the same image, by its digest.
#[test]
fn an_image_that_is_built_again_has_the_same_digest() {
    let builder = Builder::new();
    let build = || builder.build("debian", &["--quiet", "--timestamp", "0"]).stdout.lines().last().unwrap().to_owned();
    let id = build();
    assert_eq!(id.len(), 64, "{id}");
    assert_eq!(build(), id);
}

/// An executable file that names a loader or is a script: a program, and no library.
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = path.symlink_metadata() else { return false };
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return false;
    }
    let library = path.file_name().unwrap().to_str().unwrap().contains(".so");
    !library || path.to_str().unwrap().contains("/ld-linux")
}

/// All extended attributes.
fn attributes(image: &Image) -> BTreeSet<String> {
    let listed = run(Command::new("getfattr").args(["-Rhd", "-m", "-", "."]).current_dir(&image.root)).exits(0).stdout;
    listed.split("\n\n").map(str::to_owned).collect()
}

/// The image takes at most this part of its base, unpacked and compressed; the figures of docs/bake.md.
#[track_caller]
fn smaller(base: &Image, archive: &str, image: &Image, compressed: u64, part: f64) {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/images/{archive}.oci"));
    let figures = [(size(base), size(image)), (archive.metadata().unwrap().len(), compressed)];
    println!("{}: {figures:?} bytes unpacked, and compressed", image.name);
    for (before, after) in figures {
        assert!((after as f64) < before as f64 * part, "{}: from {before} to {after} bytes", image.name);
    }
}

/// A new Dockerfile is built, too.
#[test]
fn every_dockerfile_is_built() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bake");
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<_> = names.filter_map(|name| Some(name.strip_suffix(".Dockerfile")?.to_owned())).collect();
    assert_eq!(names, ["allow-list", "alpine", "debian", "squashed"].map(str::to_owned).into());
}
