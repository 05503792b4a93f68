//! The release has one name and one version, those of Cargo.toml, wherever somebody copies them from.

use std::fs;
use std::path::Path;
use std::process::Command;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// The image that Cargo.toml names.
fn image() -> String {
    let manifest: toml::Table = fs::read_to_string(Path::new(PROJECT).join("Cargo.toml")).unwrap().parse().unwrap();
    manifest["workspace"]["metadata"]["release"]["image"].as_str().unwrap().to_owned()
}

/// What a word of a text names, if that is an image of ours: its name and its tag. Hosts that end in `.example` are of
/// nobody, and stand for a registry of the reader's own.
fn reference(word: &str) -> Option<(&str, Option<&str>)> {
    let word = word.rsplit("://").next()?.trim_end_matches(['.', ':', '/']);
    let word = word.split('@').next()?;
    let (name, tag) = match word.rsplit_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (word, None),
    };
    let host = name.split('/').next()?;
    let is_ours = name.ends_with("/lithify") && host.contains('.') && !host.starts_with('.');
    (is_ours && !host.ends_with(".example") && host != "github.com").then_some((name, tag))
}

/// The files of the repository that are text.
fn texts() -> Vec<(String, String)> {
    let listed = Command::new("git").args(["-C", PROJECT, "ls-files", "-z"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let texts = listed.split_terminator('\0').filter_map(|name| {
        let text = fs::read_to_string(Path::new(PROJECT).join(name)).ok()?;
        Some((name.to_owned(), text))
    });
    // This very file, and what was true of another version.
    texts.filter(|(name, _)| name != "tests/e2e/release/names.rs" && name != "CHANGELOG.md").collect()
}

#[test]
fn everything_names_the_image_of_cargo_toml() {
    let (image, version) = (image(), env!("CARGO_PKG_VERSION"));
    let bless = std::env::var_os("LITHIFY_BLESS").is_some();
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    for (file, text) in texts() {
        let mut now = text.clone();
        let is_of_reference = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        for word in text.split(|c| !is_of_reference(c)) {
            let Some((name, tag)) = reference(word) else { continue };
            let tag_holds = tag.is_none_or(|tag| [version, "root"].contains(&tag));
            if name == image && tag_holds {
                right.push(file.clone());
                continue;
            }
            let named = [name, tag.unwrap_or_default()].join(if tag.is_some() { ":" } else { "" });
            wrong.push(format!("{file}: {named}"));
            let tag = tag.map(|tag| format!(":{}", if tag == "root" { tag } else { version }));
            now = now.replace(&named, &[&*image, tag.as_deref().unwrap_or_default()].concat());
        }
        if bless && now != text {
            fs::write(Path::new(PROJECT).join(&file), now).unwrap();
        }
    }
    assert!(bless || wrong.is_empty(), "Cargo.toml names {image}, version {version}:\n{}", wrong.join("\n"));
    for copied in ["README.md", "docs/bake.md", "docs/kubectl.md", "examples/startup-probe.yaml", "kubectl/src/cli.rs"]
    {
        assert!(bless || right.iter().any(|file| file == copied), "{copied} names no image");
    }
    assert!(bless || right.len() > 50, "{right:?}");
}
