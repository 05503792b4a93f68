//! `report`: what the page shows in a browser is what the records say, whatever they say; SARIF is SARIF.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::ran::{Ran, run, run_with};
use crate::{command, deployment, plugin};

/// What `kubectl lithify verify --format json` printed of a cluster.
fn pods() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/records/pods.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn report(records: &str, arguments: &str) -> Ran {
    run_with(&mut command(["report", "-"].into_iter().chain(arguments.split_whitespace())), records)
}

/// A browser without a window, as Debian, Ubuntu and Google package it.
fn chromium(page: &str, arguments: &[&str]) -> String {
    let names = ["chromium-headless-shell", "chromium", "google-chrome"];
    let paths = std::env::var("PATH").unwrap_or_default();
    let is_there = |name: &&&str| paths.split(':').any(|directory| Path::new(directory).join(name).is_file());
    let browser = names.iter().find(is_there).unwrap_or_else(|| panic!("none of {names:?}: run tests/install.sh"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report.html");
    fs::write(&file, page).unwrap();
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]);
    command.arg(format!("--user-data-dir={}", directory.path().join("profile").display()));
    let ran = run(command.args(arguments).arg(format!("file://{}", file.display())));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

/// The page as the browser has it, with its scripts done.
fn dom(page: &str) -> String {
    chromium(page, &["--dump-dom", "--virtual-time-budget=2000"])
}

/// The text of markup.
fn text(markup: &str) -> String {
    let (mut text, mut within) = (String::new(), false);
    for character in markup.chars() {
        match character {
            '<' => within = true,
            '>' if within => within = false,
            character if !within => text.push(character),
            _ => {}
        }
    }
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", "\u{a0}"), ("&amp;", "&")];
    entities.into_iter().fold(text, |text, (entity, character)| text.replace(entity, character)).trim().to_owned()
}

/// The texts between each of these pairs.
fn between<'a>(markup: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    markup.split(open).skip(1).map(|rest| rest.split(close).next().unwrap()).collect()
}

/// The text of each cell of the rows of a table.
fn rows(markup: &str) -> Vec<Vec<String>> {
    let body = between(markup, "<tbody>", "</tbody>").concat();
    let cells = |row: &&str| between(row, "<td", "</td>").into_iter().map(|cell| text(&format!("<td{cell}"))).collect();
    between(&body, "<tr>", "</tr>").iter().map(cells).collect()
}

/// For each container: its heading with the state, and its checks.
fn shown(page: &str) -> BTreeSet<(String, Vec<Vec<String>>)> {
    let sections = between(page, "<section", "</section>").into_iter();
    let heading = |section: &str| {
        let name = text(between(section, "<h3>", "</h3>")[0]);
        format!("{name} {}", text(&format!("<{}", between(section, "</h3> <", "</span>")[0])))
    };
    sections.map(|section| (heading(section), sorted(rows(section)))).collect()
}

fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort();
    rows
}

/// The same of the records.
fn said(pods: &Value) -> BTreeSet<(String, Vec<Vec<String>>)> {
    let mut said = BTreeSet::new();
    for pod in pods["pods"].as_array().unwrap() {
        for container in pod["containers"].as_array().unwrap() {
            const WORDS: [&str; 3] = ["\u{2717} fail", "? unverified", "\u{2713} pass"];
            let mut worst = 2;
            let mut checks = Vec::new();
            for check in container["report"]["checks"].as_array().into_iter().flatten() {
                let rank = ["fail", "unverified", "pass"].iter().position(|word| check["status"] == *word).unwrap();
                worst = worst.min(rank);
                let mut row = vec![WORDS[rank].to_owned()];
                row.extend(
                    ["id", "subject", "detail", "hint"].map(|key| check[key].as_str().unwrap_or_default().to_owned()),
                );
                checks.push(row);
            }
            let state = match container["state"].as_str().unwrap() {
                "verified" => WORDS[worst],
                "without" => "without lithify",
                "staged" => "staged",
                _ => "? unverified",
            };
            let of = |value: &Value| value.as_str().unwrap().trim().to_owned();
            let heading =
                format!("{}/{} \u{b7} {} {state}", of(&pod["namespace"]), of(&pod["name"]), of(&container["name"]));
            said.insert((heading, sorted(checks)));
        }
    }
    said
}

#[test]
fn the_page_shows_what_the_records_say() {
    let pods = pods();
    let page = report(&pods.to_string(), "").exits(0).stdout;
    // With and without a script.
    let dom = dom(&page);
    assert!(dom.contains("<button type=\"button\">Pod</button>"), "the script did not run: {dom}");
    for page in [&page, &dom] {
        assert_eq!(shown(page), said(&pods));
        let overview = rows(between(page, "<table id=\"pods\">", "</table>")[0]);
        assert_eq!(overview.len(), 7);
        assert!(overview[0][3].contains("process.user") && overview[6][3] == "all of 9 checks hold", "{overview:?}");
        let controls = rows(between(page, "<table id=\"controls\">", "</table>")[0]);
        let of = |id: &str| controls.iter().find(|row| row[0].starts_with(id)).unwrap()[2..5].join(" ");
        assert_eq!((of("process.user"), of("process.capabilities")), ("1 0 4".to_owned(), "0 1 4".to_owned()));
        let verdict = text(between(page, "<h1>", "</h1>")[0]);
        assert_eq!(verdict, "2 of 7 containers fail, 2 could not be verified");
    }
    // Nothing is loaded from elsewhere.
    for outside in ["http:", "https:", "src=", "url(", "@import", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn a_click_sorts() {
    let page = report(&pods().to_string(), "").exits(0).stdout;
    let click = "<script>document.querySelector('#pods th button').click()</script></body>";
    let without_policy = page.replace("http-equiv=\"Content-Security-Policy\"", "name=\"none\"");
    let sorted = dom(&without_policy.replace("</body>", click));
    let table = between(&sorted, "<table id=\"pods\">", "</table>")[0];
    let names: Vec<String> = rows(table).into_iter().map(|row| row[0].clone()).collect();
    assert!(names.is_sorted() && names.len() == 7 && table.contains("aria-sort=\"ascending\""), "{names:?}");
    // The policy stops what is not the page's own.
    let injected = page.replace("</body>", "<script>document.title = 'owned'</script></body>");
    assert!(dom(&injected).contains("<title>lithify report</title>"));
}

/// What somebody may call a file or a process. No API server takes such a name for a pod, but a record may say it.
const ATTACKS: [&str; 7] = [
    "<script>document.title='owned'</script>",
    "\"><img src=x onerror=\"document.title='owned'\">",
    "' onmouseover='document.title=1' x='",
    "</td></tr></table></section><h1>All is well</h1>",
    "</title></style></script><svg onload=document.title='owned'>",
    "<!-- &lt;b&gt; &amp; ]]>",
    "javascript:document.title='owned'",
];

/// All texts of a value, with this added.
fn attacked(value: &Value, attack: &str) -> Value {
    match value {
        Value::String(text) => json!(format!("{text}{attack}")),
        Value::Array(values) => values.iter().map(|value| attacked(value, attack)).collect(),
        Value::Object(entries) => {
            let keeps = |key: &str| matches!(key, "status" | "state" | "command");
            let entry = |(key, value): (&String, &Value)| {
                (key.clone(), if keeps(key) { value.clone() } else { attacked(value, attack) })
            };
            Value::Object(entries.iter().map(entry).collect())
        }
        other => other.clone(),
    }
}

/// The tags of a page, each with its attributes but for their values.
fn tags(page: &str) -> BTreeSet<String> {
    let body = page.split("<body>").nth(1).unwrap();
    let name = |tag: &str| {
        let mut bare = String::new();
        let mut quoted = false;
        for character in tag.chars() {
            quoted ^= character == '"';
            if !quoted {
                bare.push(character);
            }
        }
        bare
    };
    // The script is none of the records.
    let body = body.split("<script>").next().unwrap();
    between(body, "<", ">").into_iter().map(name).collect()
}

#[test]
fn no_name_is_markup() {
    let pods = pods();
    let known = tags(&dom(&report(&pods.to_string(), "").exits(0).stdout));
    let mut pages = String::new();
    for attack in ATTACKS {
        let attacked = attacked(&pods, attack);
        let page = report(&attacked.to_string(), "").exits(0).stdout;
        // Also where nothing but the escaping stands in the way.
        let page = page.replace("http-equiv=\"Content-Security-Policy\"", "name=\"none\"");
        let dom = dom(&page);
        assert!(dom.contains("<title>lithify report</title>"), "{attack}");
        assert!(tags(&dom).is_subset(&known), "{attack}: {:?}", tags(&dom).difference(&known));
        assert_eq!(shown(&dom), said(&attacked), "{attack}");
        pages.push_str(&dom);
    }
    assert!(pages.contains("&lt;script&gt;"));
    // Nothing turns the direction of a line, or steers a terminal.
    let turned = attacked(&pods, "\u{202e}\u{1b}[31m\u{7}\n");
    let page = report(&turned.to_string(), "").exits(0).stdout;
    assert!(!page.contains(['\u{202e}', '\u{1b}', '\u{7}']) && page.contains("\\u{202e}\\u{1b}[31m\\u{7}\\n"));
}

#[test]
fn records_in_every_form() {
    let pods = pods();
    let records: Vec<Value> = pods["pods"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|pod| pod["containers"].as_array().unwrap())
        .filter_map(|container| container.get("report").cloned())
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let one = file("one.json", records[0].to_string());
    let lines = file("lines.json", records.iter().map(|record| format!("{record}\n")).collect());
    let list = file("list.json", json!(records).to_string());
    let of = |files: &[&String]| {
        let page =
            run(&mut command(["report"].into_iter().chain(files.iter().map(|file| file.as_str())))).exits(0).stdout;
        shown(&page).iter().map(|(heading, _)| heading.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(&[&one]), ["shop/cart-6f7c9d5b4-2kqzn \u{2713} pass"]);
    assert_eq!(of(&[&lines]).len(), 5);
    assert_eq!(of(&[&list]), of(&[&lines]));
    assert_eq!(of(&[&one, &list]).len(), 5);
    // A record says where it was made, or at least on which host.
    let mut bare = records[0].clone();
    bare["record"]["pod"] = Value::Null;
    bare["record"]["namespace"] = Value::Null;
    bare["record"]["host"] = json!("web.example");
    assert_eq!(of(&[&file("bare.json", bare.to_string())]), ["web.example \u{2713} pass"]);
    // An error is no pass.
    let error = r#"{"schema":1,"command":"verify","version":"0","exit_code":2,"error":"no such profile","hint":"name one","notes":[]}"#;
    let page = report(error, "").exits(0).stdout;
    assert!(
        page.contains("1 container could not be verified") || page.contains("1 of 1 container could not"),
        "{page}"
    );
    assert!(page.contains("no such profile") && page.contains("name one"));
    for (text, reason) in [
        ("", "nothing is in it"),
        ("{}", "no record of `verify`"),
        ("x", "expected value"),
        ("{\"pods\":[1]}", "no list"),
    ] {
        report(text, "").exits(2).says("standard input").says(reason).says("fix: give what");
    }
    run(&mut command(["report", "/none"])).exits(2).says("/none").says("fix:");
    assert!(report("[]", "").exits(0).stdout.contains("No container was looked at"));
}

/// What another reader takes for SARIF: nothing is lost in it.
fn sarif(text: &str) -> Value {
    let log: serde_sarif::sarif::Sarif = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(log).unwrap(), value);
    value
}

#[test]
fn findings_as_sarif() {
    let log = sarif(&report(&pods().to_string(), "--format sarif").exits(0).stdout);
    let run = &log["runs"][0];
    let rules: Vec<&str> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    let results = run["results"].as_array().unwrap();
    // 6 checks fail, one is unverified, and one container could not be asked.
    let count = |level: &str| results.iter().filter(|result| result["level"] == level).count();
    assert_eq!((count("error"), count("warning"), results.len()), (6, 2, 8));
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], rules[index]);
    }
    let root = results.iter().find(|result| result["ruleId"] == "process.user").unwrap();
    assert!(root["message"]["text"].as_str().unwrap().contains("it runs as root: uid 0. Fix: set runAsUser"), "{root}");
    let place = &root["locations"][0];
    assert_eq!(place["logicalLocations"][0]["fullyQualifiedName"], "shop/sessions-0/redis");
    assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], "shop/sessions-0/redis");
    let tags = &run["tool"]["driver"]["rules"][usize::try_from(root["ruleIndex"].as_u64().unwrap()).unwrap()]["properties"]
        ["tags"];
    assert!(tags.to_string().contains("CIS Docker 1.6.0 4.1"), "{tags}");
    // The pod that comes in its place has the same finding.
    let mut next = pods();
    for pod in next["pods"].as_array_mut().unwrap() {
        pod["name"] = json!("another");
    }
    let next = sarif(&report(&next.to_string(), "--format sarif").exits(0).stdout);
    let prints = |log: &Value| {
        log["runs"][0]["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["partialFingerprints"].to_string())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(prints(&next), prints(&log));
    assert_eq!(prints(&log).len(), 8);
}

#[test]
fn lint_as_sarif() {
    let manifest = deployment("command: [nginx]\nlivenessProbe:\n  exec:\n    command: [sh, -c, true]");
    let ran = plugin(&manifest, "lint --profile shells --format sarif").exits(1);
    let log = sarif(&ran.stdout);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let found = results.iter().find(|result| result["ruleId"] == "lint.handlers").unwrap();
    assert!(found["message"]["text"].as_str().unwrap().contains("sh"), "{found}");
    let place = &found["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "stdin");
    let line = usize::try_from(place["region"]["startLine"].as_u64().unwrap()).unwrap();
    let column = usize::try_from(place["region"]["startColumn"].as_u64().unwrap()).unwrap();
    assert!(manifest.lines().nth(line - 1).unwrap()[column - 1..].starts_with("[sh, -c, true]"), "{place}");
    // The same findings as in the text.
    let plain = plugin(&manifest, "lint --profile shells").exits(1).stdout;
    assert_eq!(plain.matches("\n  fix: ").count(), results.len(), "{plain}");
    let clean = sarif(&plugin(&deployment("command: [nginx]"), "lint --profile shells --format sarif").exits(0).stdout);
    assert_eq!(clean["runs"][0]["results"], json!([]));
}

/// The picture of the docs is of this page. `LITHIFY_BLESS=1` takes it anew.
#[test]
fn the_picture_of_the_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images/report.png");
    let page = report(&pods().to_string(), "").exits(0).stdout;
    let directory = tempfile::tempdir().unwrap();
    let picture = directory.path().join("report.png");
    chromium(&page, &["--window-size=1200,900", &format!("--screenshot={}", picture.display())]);
    let taken = fs::read(&picture).unwrap();
    assert!(taken.starts_with(b"\x89PNG"));
    if std::env::var_os("LITHIFY_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &taken).unwrap();
    }
    let kept = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run with LITHIFY_BLESS=1", path.display()));
    assert!(kept.starts_with(b"\x89PNG") && kept.len() < 250_000, "{} bytes", kept.len());
}
