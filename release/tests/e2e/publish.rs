//! What the workflow does on the forge, with the registry replaced by an OCI layout and programs that need the network by
//! stand-ins; and what docs/install.md tells people to verify. cosign and gh are not packaged in Debian: their commands
//! are compared with what was signed, and not run.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{Release, StandIns, output, project, read, succeeds};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn stand_ins(release: &Release) -> StandIns {
    release.stand_ins(&[
        ("gh", ""),
        // Nothing is put into directories of this machine; what is to go there must exist.
        ("sudo", "[ \"$1\" = install ] && [ -f \"$4\" ]"),
        ("cosign", "while [ $# != 0 ]; do [ \"$1\" != --bundle ] || echo '{}' >\"$2\"; shift; done"),
    ])
}

fn publish(release: &Release, stand_ins: &StandIns, tag: &str, layout: &Path) -> Command {
    let mut command = Command::new(project().join("release/publish.sh"));
    command.arg(tag).arg(release.path()).arg(format!("oci:{}", layout.display())).env("PATH", stand_ins.path());
    command
}

#[test]
fn the_image_goes_out_as_it_was_built_and_all_is_signed() {
    let release = Release::made();
    let (stand_ins, layout) = (stand_ins(&release), release.work("layout"));
    let files = release.names();
    succeeds(&mut publish(&release, &stand_ins, &format!("v{VERSION}"), &layout));

    let reference = release.text("lithify-image.txt");
    let (name, digest) = reference.trim().split_once('@').unwrap();
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["digest"], digest);
    // Every blob is there, and what its name says.
    let mut seen = 0;
    for blob in fs::read_dir(layout.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap().path();
        let sum = succeeds(Command::new("sha256sum").arg(&blob));
        assert!(sum.starts_with(blob.file_name().unwrap().to_str().unwrap()), "{sum}");
        seen += 1;
    }
    // The stand-ins have one layer.
    assert_eq!(seen, 6, "an index, for each architecture a manifest and a configuration, and the layer");

    let called = stand_ins.called();
    let repository = name.strip_suffix(&format!(":{VERSION}")).unwrap();
    assert!(called.contains(&format!("cosign sign --yes --recursive {repository}@{digest}\n")), "{called}");
    assert_eq!(called.matches("cosign attest --yes --type cyclonedx").count(), 2, "{called}");
    assert!(called.contains("cosign sign-blob --yes --bundle "), "{called}");
    let created = called.lines().find(|line| line.starts_with("gh release create")).unwrap();
    for file in files.iter().map(String::as_str).chain(["SHA256SUMS.sigstore.json"]) {
        assert!(created.contains(&format!("/{file} ")), "{file} is not in {created}");
    }
}

#[test]
fn nothing_goes_out_that_is_not_what_was_built() {
    let release = Release::made();
    let stand_ins = stand_ins(&release);
    let refuses = |tag: &str, why: &str| {
        let (published, said) = output(&mut publish(&release, &stand_ins, tag, &release.work("layout")));
        assert!(!published && said.contains(why), "{said}");
        assert_eq!(stand_ins.called(), "", "something was signed or published");
    };
    refuses("v9.9.9", "the tag is v9.9.9, and Cargo.toml says version");
    let other = release.path().join("notes");
    fs::write(&other, "").unwrap();
    refuses(&format!("v{VERSION}"), "SHA256SUMS names other files than");
    fs::remove_file(other).unwrap();
    let mut program = release.read("lithify-x86_64-linux");
    program[1000] ^= 1;
    fs::write(release.path().join("lithify-x86_64-linux"), program).unwrap();
    refuses(&format!("v{VERSION}"), "lithify-x86_64-linux: FAILED");
}

/// The shell blocks below a heading of a page.
fn blocks(page: &str, heading: &str) -> Vec<String> {
    let text = read(page);
    let section = text.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("{page}: no {heading}"));
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn what_people_are_told_to_verify_does_verify() {
    let release = Release::made();
    let stand_ins = stand_ins(&release);
    // As signed.
    fs::write(release.path().join("SHA256SUMS.sigstore.json"), "{}").unwrap();
    let blocks = blocks("docs/install.md", "Verify a release");
    let run = |script: &str| {
        output(
            Command::new("bash")
                .args(["-euo", "pipefail", "-c", script])
                .current_dir(release.path())
                .env("PATH", stand_ins.path()),
        )
    };
    let mut ran = 0;
    for block in blocks.iter().filter(|block| !block.contains("git clone")) {
        let (verified, said) = run(block);
        assert!(verified, "{block}\n{said}");
        ran += 1;
    }
    assert!(ran >= 3, "{blocks:?}");

    // The identity is the workflow that signs, for this version's tag.
    let called = stand_ins.called();
    let identity = format!("https://github.com/lithify/lithify/.github/workflows/release.yml@refs/tags/v{VERSION}");
    let verified: Vec<&str> = called.lines().filter(|line| line.starts_with("cosign verify")).collect();
    assert!(verified.len() >= 2, "{called}");
    for line in verified {
        assert!(line.contains(&format!("--certificate-identity {identity}")), "{line}");
        assert!(line.contains("--certificate-oidc-issuer https://token.actions.githubusercontent.com"), "{line}");
    }
    assert!(read(".github/workflows/release.yml").contains("id-token: write"));

    // And none of that passes for another file.
    let offline: Vec<&String> =
        blocks.iter().filter(|block| block.contains("sha256sum") && !block.contains("git clone")).collect();
    for tampered in ["lithify-x86_64-linux", "lithify-image.tar"] {
        let mut content = release.read(tampered);
        let at = content.len() / 2;
        content[at] ^= 1;
        fs::write(release.path().join(tampered), content).unwrap();
        assert!(offline.iter().any(|block| !run(block).0), "{tampered} was changed, and passes");
    }
}

#[test]
fn the_same_is_built_from_the_tag_as_the_page_says() {
    let page = read("docs/install.md");
    for recipe in ["just dist", "sha256sum --check"] {
        assert!(page.contains(recipe), "{recipe}");
    }
    let recipes = succeeds(Command::new("grep").args(["-E", "^(dist|reproducible):"]).arg(project().join("justfile")));
    assert_eq!(recipes.lines().count(), 2, "{recipes}");
}
