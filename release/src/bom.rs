//! A bill of materials in `CycloneDX` of each binary, made of the graph of what cargo really builds for it (`cargo build
//! --unit-graph`): these crates with these features, those of the standard library where it is built with it, and apart
//! from these what only runs in the compiler. <https://cyclonedx.org/docs/1.6/json>

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::image::rfc3339;
use crate::{Architecture, Failure, Release, sha256};

/// A crate, as the graph has it.
#[derive(Default)]
struct Crate {
    name: String,
    version: String,
    /// Where its own source is.
    directory: String,
    from: From,
    /// Its code is in the binary; else it runs in the compiler only, or before it.
    linked: bool,
    features: BTreeSet<String>,
    /// By identity.
    needs: BTreeSet<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum From {
    /// This repository.
    #[default]
    Here,
    /// The standard library's sources.
    Std,
    /// crates.io.
    Registry,
}

/// The text of the bill.
pub(crate) fn bom(release: &Release, program: &str, architecture: &Architecture) -> Result<String, Failure> {
    let (path, name) = release.program(program, architecture);
    let graph = release.graphs.join(format!("{program}-{}.json", architecture.name));
    let graph: Value = serde_json::from_slice(&fs::read(graph)?)?;
    let crates = crates(&graph)?;
    let rust = toolchain(release)?;
    let mut sums = checksums(&release.read("Cargo.lock")?)?;
    if let Some(library) = crates.values().find(|one| one.from == From::Std && one.name == "std") {
        sums.extend(checksums(&fs::read(Path::new(&library.directory).join("../Cargo.lock"))?)?);
    }
    let own = identity_of(&crates, program)?;
    let reference = |identity: &String| crates.get(identity).map(|one| purl(one, release, &rust));

    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for (identity, one) in &crates {
        let mut needs: Vec<String> = one.needs.iter().filter_map(reference).collect();
        if *identity == own || one.name == "std" {
            needs.extend(runtime(&crates, &rust).iter().filter_map(|part| part["bom-ref"].as_str().map(str::to_owned)));
        }
        needs.sort();
        needs.dedup();
        let itself = purl(one, release, &rust);
        needs.retain(|need| *need != itself);
        dependencies.push(json!({ "ref": itself, "dependsOn": needs }));
        if *identity != own {
            components.push(component(one, release, &rust, &sums)?);
        }
    }
    components.extend(runtime(&crates, &rust));
    components.sort_by_key(|component| component["bom-ref"].to_string());
    dependencies.sort_by_key(|dependency| dependency["ref"].to_string());

    let own = crates.get(&own).ok_or("the graph has no root")?;
    let mut itself = component(own, release, &rust, &sums)?;
    itself["type"] = json!("application");
    itself["hashes"] = json!([{ "alg": "SHA-256", "content": sha256(&fs::read(path)?) }]);
    itself["externalReferences"] = json!([{ "type": "vcs", "url": release.source, "comment": release.revision }]);
    let bom = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": rfc3339(release.time),
            "component": itself,
            "properties": [
                { "name": "lithify:file", "value": name },
                { "name": "lithify:target", "value": architecture.target },
            ],
        },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(format!("{bom:#}\n"))
}

/// The crates of a graph, by identity: a name and a version that the standard library has of its own are another crate.
fn crates(graph: &Value) -> Result<BTreeMap<String, Crate>, Failure> {
    let units = graph["units"].as_array().ok_or("the graph has no units")?;
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    for unit in units {
        let identity = identity(unit)?;
        let one = crates.entry(identity.clone()).or_default();
        let source = unit["target"]["src_path"].as_str().ok_or("a unit has no source")?;
        let directory = Path::new(source).ancestors().skip(1).find(|above| above.join("Cargo.toml").is_file());
        one.directory = directory.ok_or("a unit has no Cargo.toml")?.to_string_lossy().into_owned();
        (one.name, one.version) = name_and_version(unit)?;
        one.from = if unit["is_std"].as_bool() == Some(true) {
            From::Std
        } else if unit["pkg_id"].as_str().is_some_and(|id| id.starts_with("registry+")) {
            From::Registry
        } else {
            From::Here
        };
        let is_library = unit["target"]["kind"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "lib" || kind == "rlib" || kind == "bin"));
        one.linked |= unit["mode"] == "build" && unit["platform"].is_string() && is_library;
        one.features
            .extend(unit["features"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        for needed in unit["dependencies"].as_array().into_iter().flatten() {
            let index = needed["index"].as_u64().and_then(|index| usize::try_from(index).ok());
            let needed = identity_of_unit(index.and_then(|index| units.get(index)))?;
            if needed != identity {
                crates.entry(identity.clone()).or_default().needs.insert(needed);
            }
        }
    }
    // What is built for the target, and is needed only by what runs in the compiler, is not linked: std's `proc_macro`.
    let mut reached = BTreeSet::new();
    let mut next: Vec<String> = roots(graph, units)?;
    while let Some(identity) = next.pop() {
        let Some(one) = crates.get(&identity).filter(|one| one.linked) else { continue };
        if reached.insert(identity) {
            next.extend(one.needs.iter().cloned());
        }
    }
    for (identity, one) in &mut crates {
        one.linked &= reached.contains(identity);
    }
    Ok(crates)
}

/// The program, and the parts of std that cargo makes for it.
fn roots(graph: &Value, units: &[Value]) -> Result<Vec<String>, Failure> {
    let roots = graph["roots"].as_array().into_iter().flatten();
    roots
        .map(|root| {
            identity_of_unit(
                root.as_u64().and_then(|index| usize::try_from(index).ok()).and_then(|index| units.get(index)),
            )
        })
        .collect()
}

fn identity_of_unit(unit: Option<&Value>) -> Result<String, Failure> {
    identity(unit.ok_or("a unit that is not there")?)
}

fn identity(unit: &Value) -> Result<String, Failure> {
    let (name, version) = name_and_version(unit)?;
    let std = if unit["is_std"].as_bool() == Some(true) { "std " } else { "" };
    Ok(format!("{std}{name} {version}"))
}

fn identity_of(crates: &BTreeMap<String, Crate>, program: &str) -> Result<String, Failure> {
    let found = crates.iter().find(|(_, one)| one.from == From::Here && one.name == program);
    Ok(found.ok_or_else(|| format!("the graph has no {program}"))?.0.clone())
}

/// `pkg_id` ends in `#NAME@VERSION`, or in `/NAME#VERSION`.
fn name_and_version(unit: &Value) -> Result<(String, String), Failure> {
    let id = unit["pkg_id"].as_str().ok_or("a unit has no identity")?;
    let (path, rest) = id.rsplit_once('#').ok_or_else(|| format!("an identity without a version: {id}"))?;
    let (name, version) = rest.split_once('@').unwrap_or((path.rsplit('/').next().unwrap_or(path), rest));
    Ok((name.to_owned(), version.to_owned()))
}

/// The package as others name it. <https://github.com/package-url/purl-spec>
fn purl(one: &Crate, release: &Release, rust: &str) -> String {
    match one.from {
        From::Registry => format!("pkg:cargo/{}@{}", one.name, one.version.replace('+', "%2B")),
        From::Here => {
            let repository = release.source.trim_start_matches("https://github.com/");
            format!(
                "pkg:github/{repository}@{}#{}",
                release.revision,
                if one.name == "lithify" { "src" } else { "kubectl" }
            )
        }
        From::Std if is_of_registry(one) => {
            format!("pkg:cargo/{}@{}?rust={rust}", one.name, one.version.replace('+', "%2B"))
        }
        From::Std => format!("pkg:github/rust-lang/rust@{rust}#library/{}", one.name),
    }
}

/// The crates that the standard library has from crates.io; its own have no version.
fn is_of_registry(one: &Crate) -> bool {
    !one.directory.contains("/rust/library/") || one.directory.contains("/vendor/")
}

fn component(one: &Crate, release: &Release, rust: &str, sums: &BTreeMap<String, String>) -> Result<Value, Failure> {
    let manifest: toml::Table = fs::read_to_string(Path::new(&one.directory).join("Cargo.toml"))?.parse()?;
    let license = match manifest.get("package").and_then(|package| package.get("license")).and_then(toml::Value::as_str)
    {
        // An older way to write it.
        Some(license) => license.replace('/', " OR "),
        None if one.from == From::Here => release.license.clone(),
        None => "MIT OR Apache-2.0".to_owned(),
    };
    let reference = purl(one, release, rust);
    let mut properties = vec![
        json!({ "name": "lithify:in-binary", "value": if one.linked { "yes" } else { "no, it runs in the build" } }),
    ];
    if !one.features.is_empty() {
        let features: Vec<&str> = one.features.iter().map(String::as_str).collect();
        properties.push(json!({ "name": "lithify:features", "value": features.join(" ") }));
    }
    if one.from == From::Std {
        properties.push(json!({ "name": "lithify:part-of", "value": format!("the standard library of Rust {rust}") }));
    }
    let version = if one.from == From::Std && !is_of_registry(one) { rust } else { &one.version };
    let mut component = json!({
        "type": "library",
        "bom-ref": reference,
        "name": one.name,
        "version": version,
        "purl": reference,
        "scope": if one.linked { "required" } else { "excluded" },
        "licenses": [{ "expression": license }],
        "properties": properties,
    });
    if let Some(sum) = sums.get(&format!("{} {}", one.name, one.version)).filter(|_| one.from != From::Here) {
        // Of the archive that crates.io has.
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    Ok(component)
}

/// What every static binary of Rust holds and no graph names: musl, and the standard library where it comes built.
fn runtime(crates: &BTreeMap<String, Crate>, rust: &str) -> Vec<Value> {
    let part = |name: &str, version: &str, purl: String, license: &str, from: &str| {
        json!({
            "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "scope": "required",
            "licenses": [{ "expression": license }],
            "properties": [{ "name": "lithify:in-binary", "value": "yes" }, { "name": "lithify:part-of", "value": from }],
        })
    };
    let from = format!("the toolchain of Rust {rust}");
    let mut parts = vec![part("musl", MUSL, format!("pkg:generic/musl@{MUSL}"), "MIT", &from)];
    if !crates.values().any(|one| one.from == From::Std) {
        parts.push(part(
            "std",
            rust,
            format!("pkg:github/rust-lang/rust@{rust}#library/std"),
            "MIT OR Apache-2.0",
            &from,
        ));
    }
    parts
}

/// The libc that the toolchain of rust-toolchain.toml links in; `release/dist.sh` compares.
const MUSL: &str = "1.2.5";

fn toolchain(release: &Release) -> Result<String, Failure> {
    let file: toml::Table = String::from_utf8(release.read("rust-toolchain.toml")?)?.parse()?;
    let channel = file.get("toolchain").and_then(|toolchain| toolchain.get("channel")).and_then(toml::Value::as_str);
    Ok(channel.ok_or("rust-toolchain.toml names no channel")?.to_owned())
}

/// `NAME VERSION` and the SHA-256 of its archive.
fn checksums(lock: &[u8]) -> Result<BTreeMap<String, String>, Failure> {
    let lock: toml::Table = String::from_utf8(lock.to_vec())?.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let text = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    Ok(packages
        .filter_map(|package| {
            Some((format!("{} {}", text(package, "name")?, text(package, "version")?), text(package, "checksum")?))
        })
        .collect())
}
