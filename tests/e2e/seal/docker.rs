//! The command by which CI computes a digest, as docs/state.md has it, with Docker.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::builder::Builder;
use crate::harness::docker::Docker;
use crate::harness::tree::Tree;
use crate::harness::{lithify, run, run_lithify};

const IMAGE: &str = "docker.io/library/nginx:1.28-alpine";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_command_of_the_documentation() {
    let work = Tree::new();
    let example = read("examples/state.yaml");
    let profile = example.split_once("  nginx.toml: |\n").unwrap().1.lines().map(|line| format!("{}\n", line.trim()));
    work.file_with("/site/nginx.toml", &profile.collect::<String>());
    work.directory("/dist");
    fs::copy(lithify(), work.at("/dist/lithify")).unwrap();
    let site = work.at("/site/nginx.toml");
    let seal = |root: &Path, arguments: &[&str]| {
        let arguments = [&["seal", "--profile", site.to_str().unwrap(), "--root", root.to_str().unwrap()], arguments];
        run_lithify(arguments.concat()).exits(0).stdout
    };
    let builder = Builder::new();
    let image = builder.image(IMAGE);
    let (before, after) = (seal(&image.root, &[]), seal(&image.root, &["--after", "--app", "nginx -g 'daemon off;'"]));
    assert_ne!(before, after);
    drop(builder);

    let page = read("docs/state.md");
    let command = page.split("```sh\n").find(|block| block.starts_with("docker run ")).unwrap();
    let command = command.split("```").next().unwrap().replace("nginx:1.28 ", &format!("{IMAGE} "));
    let _docker = Docker::with(&[IMAGE]);
    let docker = |command: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-ec", command]).current_dir(work.path()).env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT");
        run(&mut shell).exits(0).stdout
    };
    assert_eq!(docker(&command), after);
    assert_eq!(docker(&command.replace(" --after", "")), before);
}
