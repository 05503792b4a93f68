//! The bills of materials are valid, hold what cargo builds, and nothing of the machine that made them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Release, project, read, tool};

fn bill(release: &Release, name: &str) -> Value {
    serde_json::from_str(&release.text(&format!("{name}.cdx.json"))).unwrap()
}

/// The names of the components with this scope.
fn names<'a>(bill: &'a Value, scope: &str) -> BTreeSet<&'a str> {
    let components = bill["components"].as_array().unwrap().iter();
    components.filter(|one| one["scope"] == scope).map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn they_are_valid() {
    let mut compiler = boon::Compiler::new();
    // They name each other by these.
    for name in ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json", "bom-1.6.SNAPSHOT.schema.json"] {
        let schema: Value = serde_json::from_slice(&std::fs::read(tool(name)).unwrap()).unwrap();
        compiler.add_resource(&format!("http://cyclonedx.org/schema/{name}"), schema).unwrap();
    }
    let mut schemas = boon::Schemas::new();
    let schema = compiler.compile("http://cyclonedx.org/schema/bom-1.6.SNAPSHOT.schema.json", &mut schemas).unwrap();
    let release = Release::made();
    for name in release.names().iter().filter_map(|name| name.strip_suffix(".cdx.json")) {
        let bill = bill(&release, name);
        schemas.validate(&bill, schema).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        // Each is named once, and what is needed is there.
        let components = bill["components"].as_array().unwrap();
        let mut known: BTreeSet<&str> = components.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
        assert_eq!(known.len(), components.len(), "{name}");
        known.insert(bill["metadata"]["component"]["bom-ref"].as_str().unwrap());
        for needed in
            bill["dependencies"].as_array().unwrap().iter().flat_map(|one| one["dependsOn"].as_array().unwrap())
        {
            assert!(known.contains(needed.as_str().unwrap()), "{name}: {needed}");
        }
        let hash = bill["metadata"]["component"]["hashes"][0]["content"].as_str().unwrap();
        assert!(release.text("SHA256SUMS").contains(&format!("{hash}  {name}\n")), "{name}");
    }
}

#[test]
fn they_name_what_is_in_the_binary_and_what_only_builds_it() {
    let release = Release::made();
    let bill = bill(&release, "lithify-x86_64-linux");
    let (inside, outside) = (names(&bill, "required"), names(&bill, "excluded"));
    for name in ["clap", "nix", "toml", "sha2", "serde_json", "std", "core", "compiler_builtins", "musl", "libc"] {
        assert!(inside.contains(name), "{name} is in the binary: {inside:?}");
    }
    for name in ["syn", "quote", "serde_derive", "thiserror-impl", "proc-macro2"] {
        assert!(outside.contains(name) && !inside.contains(name), "{name} only builds it");
    }
    for name in ["tempfile", "proptest", "boon", "flate2", "clap_mangen"] {
        assert!(!inside.contains(name) && !outside.contains(name), "{name} has no part in it");
    }
    // Those of the table of docs/supply-chain.md, and no others.
    let table = read("docs/supply-chain.md");
    let table = table.split("\n## Bills").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.map(|(name, rest)| (name, rest.split(" |").next().unwrap()));
    let of_registry: BTreeSet<(&str, &str)> = bill["components"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| {
            one["scope"] == "required"
                && one["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/") && !purl.contains('?'))
        })
        .map(|one| (one["name"].as_str().unwrap(), one["version"].as_str().unwrap()))
        .collect();
    let rows: BTreeSet<_> = rows.filter(|(name, _)| !["std", "musl", "lithify"].contains(name)).collect();
    assert_eq!(rows, of_registry, "`just dist`, then release/supply-chain.py, writes the table anew");
    // Each is the one that Cargo.lock has, with its sum.
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    for component in bill["components"].as_array().unwrap() {
        if component["purl"].as_str().unwrap().starts_with("pkg:cargo/")
            && !component["purl"].as_str().unwrap().contains('?')
        {
            let locked = lock["package"].as_array().unwrap().iter().find(|package| {
                package["name"].as_str() == component["name"].as_str()
                    && package["version"].as_str() == component["version"].as_str()
            });
            let locked = locked.unwrap_or_else(|| panic!("{component} is not in Cargo.lock"));
            assert_eq!(locked["checksum"].as_str(), component["hashes"][0]["content"].as_str(), "{component}");
        }
    }
    assert!(
        names(&self::bill(&release, "kubectl-lithify-aarch64-linux"), "required")
            .is_superset(&BTreeSet::from(["flate2", "std", "musl"]))
    );
}

#[test]
fn they_say_nothing_of_the_machine() {
    let release = Release::made();
    for name in release.names().iter().filter(|name| name.ends_with(".cdx.json")) {
        let text = release.text(name);
        for path in [project().to_str().unwrap(), "/.cargo", "/.rustup", "file://"] {
            assert!(!text.contains(path), "{name}: {path}");
        }
    }
}
