//! What the examples and the README show is valid: command lines parse, and the README quotes the examples.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every command line of ours in a text: JSON arrays after a key of YAML or an instruction of a Dockerfile.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| {
        let line = line.trim();
        // By itself it is the end of a RUN of several lines.
        ["command: [", "args: [", "entrypoint: [", "RUN [", "[\"/lithify\", "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let arrays = lines.map(|line| -> Vec<String> { serde_json::from_str(&line[line.find('[').unwrap()..]).unwrap() });
    arrays
        .filter_map(|words| match words.first().map(String::as_str) {
            Some("/lithify/lithify" | "/lithify/bin/lithify" | "/bin/lithify" | "/lithify") => Some(words),
            // With the image's own entrypoint.
            Some("install" | "harden" | "verify" | "run" | "stage" | "probe" | "sleep") => {
                Some([vec!["lithify".to_owned()], words].concat())
            }
            _ => None,
        })
        .collect()
}

/// The text of an entry of a ConfigMap, a YAML block scalar at the end of the file.
fn config_map(text: &str, entry: &str) -> String {
    let block = text.split(&format!("  {entry}: |\n")).nth(1).unwrap_or_else(|| panic!("{entry} is not in it"));
    block.lines().take_while(|line| line.starts_with("    ")).map(|line| format!("{}\n", &line[4..])).collect()
}

#[test]
fn every_command_line_parses_and_its_profiles_exist() {
    let mut seen = 0;
    for name in [files("examples"), files("docs"), vec!["README.md".to_owned()]].concat() {
        for mut words in command_lines(&read(&name)) {
            if words.ends_with(&["--".to_owned()]) {
                // An entrypoint, to which the runtime appends the command.
                words.push("app".to_owned());
            }
            lithify::cli::Cli::parse(words.iter().map(Into::into))
                .unwrap_or_else(|error| panic!("{name}: {words:?}: {error}"));
            for profile in words.windows(2).filter(|pair| pair[0] == "--profile").map(|pair| &pair[1]) {
                if profile == "/allow-list.toml" {
                    // From the context of the Dockerfile.
                    let text = read("examples/bake/allow-list.toml");
                    lithify::profile::load_text(profile, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
                    continue;
                }
                if let Some(file) = profile.strip_prefix("/site/") {
                    // From the example's ConfigMap.
                    let text = config_map(&read(&name), file);
                    lithify::profile::load_text(file, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
                    continue;
                }
                assert!(lithify::profile::builtin::lookup(profile).is_some(), "{name}: {profile}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen}");
}

/// What an installed copy is to accept is what the containers call: `lint` says so of pods, and this of the rest.
#[test]
fn every_accepted_command_line_parses() {
    let mut seen = 0;
    for name in [files("examples"), files("docs"), vec!["README.md".to_owned()]].concat() {
        let text = read(&name);
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("- --only=")) {
            let line =
                lithify::recognise::only::Line::new(line).unwrap_or_else(|error| panic!("{name}: {line}: {error}"));
            let words = std::iter::once("lithify").chain(line.words.iter().map(String::as_str));
            lithify::cli::Cli::parse(words.map(Into::into)).unwrap_or_else(|error| panic!("{name}: {line:?}: {error}"));
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
    // The Compose file has no kind that lint knows.
    let compose = read("examples/compose.yaml");
    let accepted: Vec<Vec<String>> = compose
        .lines()
        .filter_map(|line| {
            Some(lithify::recognise::only::Line::new(line.trim().strip_prefix("- --only=")?).unwrap().words)
        })
        .collect();
    let array = |key: &str| -> Vec<String> {
        let line =
            compose.lines().find_map(|line| line.trim().strip_prefix(key).filter(|rest| rest.contains('['))).unwrap();
        serde_json::from_str(line.trim()).unwrap()
    };
    let called = [array("entrypoint:")[1..].to_vec(), array("command: ").to_vec()].concat();
    assert_eq!(accepted, [called, array("test: ")[2..].to_vec()]);
}

/// The files of a directory and of those below it.
/// All files of text.
fn files(directory: &str) -> Vec<String> {
    let is_file = |name: &String| Path::new(env!("CARGO_MANIFEST_DIR")).join(name).is_file();
    let (mut all, directories): (Vec<_>, Vec<_>) = names(directory).into_iter().partition(is_file);
    all.extend(directories.iter().flat_map(|directory| files(directory)));
    all.retain(|name| Path::new(name).extension().is_none_or(|extension| extension != "png" && extension != "svg"));
    all
}

fn names(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).unwrap();
    entries.map(|entry| format!("{directory}/{}", entry.unwrap().file_name().to_str().unwrap())).collect()
}

/// The number after `key:` on the first such line.
fn number(text: &str, key: &str) -> u32 {
    let value = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {key} in {text}")).parse().unwrap()
}

/// The kubelet drops events after some 22 different ones, and shows nothing of a probe that it gives up.
#[test]
fn a_probe_that_waits_has_enough_tries_and_not_too_many() {
    let mut seen = 0;
    let mut pages =
        ["README.md", "docs/kubernetes.md", "docs/choose.md", "docs/waiting.md"].map(str::to_owned).to_vec();
    pages.extend(names("examples").into_iter().filter(|name| name.ends_with(".yaml")));
    for page in pages {
        let text = read(&page);
        for block in text.split("startupProbe:\n").skip(1).filter_map(|rest| rest.split("timeoutSeconds: ").next()) {
            let words = command_lines(block).pop().unwrap();
            let at = words.iter().position(|word| word == "--wait-timeout").unwrap();
            assert!(words.contains(&"--wait-for-app".to_owned()), "{page}: {words:?}");
            let (wait, tries, period) = (
                words[at + 1].parse::<u32>().unwrap(),
                number(block, "failureThreshold"),
                number(block, "periodSeconds"),
            );
            assert!(
                period >= 5 && tries < 15 && tries * period > wait,
                "{page}: {tries} tries every {period} s for {wait} s"
            );
            assert!(text.contains("timeoutSeconds: 10\n"), "{page}");
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen}");
}

#[test]
fn the_first_pages_quote_the_examples() {
    let examples: String =
        ["startup-probe", "entrypoint", "init-container"].map(|name| read(&format!("examples/{name}.yaml"))).concat();
    for (page, number) in [("README.md", 2), ("docs/kubernetes.md", 3)] {
        let text = read(page);
        let blocks: Vec<&str> = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert_eq!(blocks.len(), number, "{page}");
        for block in blocks {
            assert!(examples.contains(block), "{page}: not in any example:\n{block}");
        }
    }
}

#[test]
fn the_architecture_names_every_module() {
    let architecture = read("docs/architecture.md");
    for room in names("src").iter().filter_map(|path| path.strip_suffix(".rs").map(str::to_owned)) {
        let name = room.trim_start_matches("src/");
        if matches!(name, "lib" | "main") {
            continue;
        }
        let row = architecture.lines().find(|line| line.starts_with(&format!("| `{name}/` |")));
        let row = row.unwrap_or_else(|| panic!("no row for the room {name}"));
        for path in names(&room).iter().filter(|path| !path.ends_with("/tests.rs")) {
            let module = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
            let known = [format!("`{module}`"), format!("`{module}/`")].iter().any(|form| row.contains(form));
            assert!(known, "{path}");
        }
    }
}
