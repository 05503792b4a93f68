//! The files of a release.

use std::process::Command;

use crate::{Release, output, succeeds};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn all_are_there_and_have_their_sums() {
    let release = Release::made();
    let expected = "SHA256SUMS kubectl-lithify-aarch64-linux kubectl-lithify-aarch64-linux.cdx.json \
         kubectl-lithify-aarch64-linux.tar.gz kubectl-lithify-x86_64-linux kubectl-lithify-x86_64-linux.cdx.json \
         kubectl-lithify-x86_64-linux.tar.gz lithify-aarch64-linux lithify-aarch64-linux.cdx.json lithify-image.tar \
         lithify-image.txt lithify-share.tar.gz lithify-x86_64-linux lithify-x86_64-linux.cdx.json lithify.krew.yaml \
         lithify_VERSION_amd64.deb lithify_VERSION_arm64.deb";
    assert_eq!(release.names().join(" "), expected.replace("VERSION", VERSION));
    let checked =
        succeeds(Command::new("sha256sum").args(["--strict", "--check", "SHA256SUMS"]).current_dir(release.path()));
    assert_eq!(checked.lines().count(), release.names().len() - 1);
}

#[test]
fn they_are_the_same_wherever_and_whenever_they_are_made() {
    let one = Release::made();
    // rustc hangs under faketime, and what writes the files does not.
    let directory = tempfile::tempdir().unwrap();
    let later = directory.path().join("later");
    let maker = env!("CARGO_BIN_EXE_lithify-release");
    std::fs::write(&later, format!("#!/bin/sh\nexec faketime -f +400d '{maker}' \"$@\"\n")).unwrap();
    succeeds(Command::new("chmod").arg("755").arg(&later));
    let other = Release::by(|command| {
        let mut there = Command::new("sh");
        there.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            there.env(name, value.unwrap_or_default());
        }
        there.env("TZ", "Pacific/Chatham").env("LANG", "tr_TR.UTF-8").env("LITHIFY_FORMAT", "").current_dir("/");
        *command = there;
        command.env("LITHIFY_MAKER", &later);
    });
    let (same, difference) = output(Command::new("diff").arg("-r").arg(one.path()).arg(other.path()));
    assert!(same, "{difference}");
    let listed = |release: &Release| {
        succeeds(Command::new("stat").args(["-c", "%n %a"]).args(release.names()).current_dir(release.path()))
    };
    assert_eq!(listed(&one), listed(&other));
}

#[test]
fn pages_and_completions_are_those_of_the_command_lines() {
    let release = Release::made();
    let at = release.work("usr");
    succeeds(Command::new("tar").arg("xf").arg(release.path().join("lithify-share.tar.gz")).arg("-C").arg(&at));
    for (command, program) in [(lithify::cli::command(), "lithify"), (kubectl_lithify::command(), "kubectl-lithify")] {
        for sub in command.get_subcommands() {
            let page = at.join(format!("share/man/man1/{program}-{}.1", sub.get_name()));
            let text = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
            for argument in
                sub.get_arguments().filter_map(|argument| argument.get_long()).filter(|long| *long != "help")
            {
                let option = argument.replace('-', "\\-");
                assert!(text.contains(&format!("\\-\\-{option}")), "{}: --{argument}", page.display());
            }
        }
        let (well_formed, said) = output(
            Command::new("mandoc")
                .args(["-T", "lint", "-W", "error"])
                .arg(at.join(format!("share/man/man1/{program}.1"))),
        );
        assert!(well_formed, "{said}");
        let at = at.join("share");
        succeeds(Command::new("zsh").arg("-n").arg(at.join(format!("zsh/site-functions/_{program}"))));
        succeeds(
            Command::new("fish").arg("--no-execute").arg(at.join(format!("fish/vendor_completions.d/{program}.fish"))),
        );
    }
    // What a shell offers after `lithify ver`, and after `lithify verify --pro`.
    let script = ". share/bash-completion/completions/lithify
        COMP_WORDS=(lithify ver); COMP_CWORD=1; _lithify lithify ver lithify; echo \"${COMPREPLY[*]}\"
        COMP_WORDS=(lithify verify --pro); COMP_CWORD=2; _lithify lithify --pro verify; echo \"${COMPREPLY[*]}\"";
    let offered = succeeds(Command::new("bash").args(["-c", script]).current_dir(&at));
    assert_eq!(offered, "verify\n--profile --prove\n");
    let fish = "fish_add_path -P .; complete -C 'lithify ver'";
    let offered = succeeds(
        Command::new("fish")
            .args(["--no-config", "-c"])
            .arg(format!("source share/fish/vendor_completions.d/lithify.fish; {fish}"))
            .current_dir(&at),
    );
    assert!(offered.starts_with("verify\t"), "{offered}");
}

#[test]
fn the_package_installs_what_it_says() {
    let release = Release::made();
    for (architecture, debian) in [("x86_64", "amd64"), ("aarch64", "arm64")] {
        let package = release.path().join(format!("lithify_{VERSION}_{debian}.deb"));
        let field =
            |name: &str| succeeds(Command::new("dpkg-deb").arg("--field").arg(&package).arg(name)).trim().to_owned();
        assert_eq!(
            [field("Package"), field("Version"), field("Architecture"), field("Depends")],
            ["lithify", VERSION, debian, ""]
        );
        let root = release.work(debian);
        succeeds(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&root));
        for program in ["lithify", "kubectl-lithify"] {
            let installed = std::fs::read(root.join("usr/bin").join(program)).unwrap();
            assert!(installed == release.read(&format!("{program}-{architecture}-linux")), "{program}");
        }
        let said = succeeds(Command::new(root.join("usr/bin/lithify")).arg("--version"));
        assert_eq!(said, format!("lithify {VERSION}\n"));
        succeeds(Command::new("gzip").arg("-t").arg(root.join("usr/share/man/man1/lithify-verify.1.gz")));
        let contents = succeeds(Command::new("dpkg-deb").arg("--contents").arg(&package));
        assert!(contents.lines().all(|line| line.contains(" root/root ") || line.contains(" 0/0 ")), "{contents}");
    }
}

#[test]
fn krew_gets_what_its_manifest_names() {
    let release = Release::made();
    let manifest: serde_json::Value = serde_norway::from_str(&release.text("lithify.krew.yaml")).unwrap();
    assert_eq!(manifest["metadata"]["name"], "lithify");
    assert_eq!(manifest["spec"]["version"], format!("v{VERSION}"));
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2);
    for platform in platforms {
        let uri = platform["uri"].as_str().unwrap();
        let name =
            uri.strip_prefix(&format!("https://github.com/lithify/lithify/releases/download/v{VERSION}/")).unwrap();
        let sums = release.text("SHA256SUMS");
        assert!(sums.contains(&format!("{}  {name}\n", platform["sha256"].as_str().unwrap())), "{name}");
        let listed = succeeds(Command::new("tar").arg("tzf").arg(release.path().join(name)));
        assert_eq!(listed, "LICENSE-APACHE\nLICENSE-MIT\nkubectl-lithify\n");
        assert_eq!(platform["bin"], "kubectl-lithify");
    }
}
