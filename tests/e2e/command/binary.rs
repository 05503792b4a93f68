//! The binary itself: static, position-independent, within its budget; and the image that is made of it.

use std::process::Command;

use crate::harness::container::Spec;
use crate::harness::{lithify, run};

#[test]
fn it_needs_nothing_from_the_container() {
    let headers = run(Command::new("readelf").args(["-lhdW"]).arg(lithify())).exits(0).stdout;
    assert!(headers.contains("DYN (Position-Independent Executable file)"), "{headers}");
    for needs in ["INTERP", "NEEDED", "RUNPATH"] {
        assert!(!headers.contains(needs), "{needs}: {headers}");
    }
}

#[test]
fn it_is_within_its_budget() {
    // The stable toolchain's build; `just size` holds the one that is shipped to its own.
    let budgets = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/size.sh")).unwrap();
    let line = budgets.lines().find_map(|line| line.strip_prefix("target/x86_64-unknown-linux-musl/release/lithify "));
    let budget: u64 = line.unwrap().parse().unwrap();
    let size = lithify().metadata().unwrap().len();
    println!("{size} of {budget} bytes");
    assert!(size < budget, "{size} bytes");
}

#[test]
fn the_scratch_image_is_built_from_it_and_works_read_only_as_its_user() {
    let context = tempfile::tempdir().unwrap();
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(lithify(), context.path().join("lithify")).unwrap();
    let image = format!("localhost/lithify-test-{}", std::process::id());
    let built = run(Command::new("buildah")
        .args(["build", "--target", "prebuilt", "--build-arg", "BINARY=lithify", "--tag", &image, "--file"])
        .arg(project.join("Dockerfile.scratch"))
        .arg(context.path()));
    let inspected = run(Command::new("buildah").args([
        "inspect",
        "--type",
        "image",
        "--format",
        "{{.OCIv1.Config.User}} {{.OCIv1.Config.WorkingDir}} {{.OCIv1.Config.Entrypoint}}",
        &image,
    ]));
    // The whole filesystem of the image, run by the runtime as the image says.
    let made = run(Command::new("buildah").args(["from", &image]));
    let container = made.stdout.trim().to_owned();
    let mounted = run(Command::new("buildah").args(["mount", &container]));
    let root = std::path::PathBuf::from(mounted.stdout.trim());
    let files: Vec<_> =
        crate::harness::tree::manifest(&root).into_keys().filter(|path| root.join(path).is_file()).collect();
    let copied = tempfile::tempdir().unwrap();
    let copy = run(Command::new("cp").arg("-a").arg(root.join(".")).arg(copied.path()));
    for cleanup in [["rm", &container], ["rmi", &image]] {
        run(Command::new("buildah").args(cleanup));
    }
    built.exits(0);
    assert_eq!(inspected.exits(0).stdout.trim(), "65532:65532 / [/bin/lithify]");
    copy.exits(0);
    assert_eq!(files, [std::path::PathBuf::from("bin/lithify")]);
    let spec = Spec::new(copied.path(), &["/bin/lithify", "profile", "list"]).without_lithify();
    let (ran, _) = spec.read_only().user(65532, 65532).run();
    ran.exits(0).says("shells");
}
