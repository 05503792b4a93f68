//! For any manifest: a second run changes nothing, and what was there before is there afterwards, as data and line by line.

use proptest::prelude::*;
use serde_json::Value;

use super::data;

/// One of several ways to write something that may be missing.
fn one_of(forms: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(forms)
}

const COMMANDS: &[&str] = &[
    "    command: [app]\n",
    "    command: [\"app\", \"-x\"] # why\n    args: [\"y\"]\n",
    "    command:\n    # first\n    - app\n    - -x   # second\n",
    "    command:\n      - \"app\"\n    args:\n      - y\n",
    "    command: [app]\n    args:\n    - |+\n      y\n\n\n",
];

const MOUNTS: &[&str] = &[
    "",
    "    volumeMounts:\n",
    "    volumeMounts: []\n",
    "    volumeMounts: [{ name: v, mountPath: /v }]\n",
    "    volumeMounts:\n    - name: v\n      mountPath: /v\n    # more\n",
    "    volumeMounts:\n      - # mine\n        # all mine\n        name: v\n        mountPath: /v\n",
    "    volumeMounts:\n      - { mountPath: /v, # here\n          name: v }\n",
];

const PROBES: &[&str] = &[
    "",
    "    startupProbe: null\n",
    "    startupProbe: { tcpSocket: { port: 80 }, failureThreshold: 9 }\n",
    "    startupProbe:\n      httpGet: # old\n        path: /up\n        port: http\n      # tries\n      failureThreshold: 9\n    livenessProbe: { httpGet: { port: 80 } }\n",
    "    livenessProbe:\n      tcpSocket:\n        port: 80\n",
];

const INITS: &[&str] = &[
    "",
    "  initContainers: []\n",
    "  initContainers:\n",
    "  initContainers:\n  - name: first\n    image: i\n    command: [sh, -c, set up]\n",
    "  initContainers:\n  - # mine\n    name: first\n    image: i\n",
    "  # before\n  initContainers: [{ name: first, image: i }]\n",
];

const VOLUMES: &[&str] = &[
    "",
    "  volumes:\n",
    "  volumes: [] # none\n",
    "  volumes: [{ name: v, emptyDir: {} }]\n",
    "  volumes:\n  - name: v\n    emptyDir: {}\n  # last\n",
    "  volumes:\n    - name: v\n      configMap:\n        name: |\n          v\n\n",
];

const ENDS: &[&str] =
    &["", "  restartPolicy: Always\n", "  hostname: x", "---\n# nothing\n---\nkind: Other\nx: [1, {y: z}]\n...\n"];

/// A pod's text.
fn pod() -> impl Strategy<Value = String> {
    let parts = (one_of(COMMANDS), one_of(MOUNTS), one_of(PROBES), one_of(INITS), one_of(VOLUMES), one_of(ENDS));
    let twists = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (parts, twists).prop_map(|((command, mounts, probe, inits, volumes, end), (windows, volumes_first, two, reversed))| {
        let container = |name: &str| {
            let body = if reversed { [mounts, probe, command] } else { [command, probe, mounts] }.concat();
            format!("  - name: {name} # {name}\n    image: app:1\n    ports:\n    - {{ name: http, containerPort: 80 }}\n{body}")
        };
        let containers = format!("  containers:\n{}{}", container("app"), if two { container("other") } else { String::new() });
        let (before, after) = if volumes_first { (volumes, "") } else { ("", volumes) };
        let text = format!("# head\napiVersion: v1\nkind: Pod\nmetadata: {{ name: x }}\nspec:\n{before}{inits}{containers}{after}{end}");
        if windows { text.replace('\n', "\r\n") } else { text }
    })
}

/// The pod without what is ours; lists that are null or empty are as good as none.
fn without_ours(pod: &Value, mode: &str) -> Value {
    let mut pod = pod.clone();
    let spec = pod["spec"].as_object_mut().unwrap();
    let ours =
        |item: &Value| item["name"].as_str().is_some_and(|name| name == "lithify" || name.starts_with("lithify-stage"));
    let strip = |object: &mut serde_json::Map<String, Value>, key: &str| {
        if let Some(Value::Array(items)) = object.get_mut(key) {
            items.retain(|item| !ours(item));
        }
        object.retain(|known, value| known != key || !(value.is_null() || value.as_array().is_some_and(Vec::is_empty)));
    };
    strip(spec, "volumes");
    strip(spec, "initContainers");
    for container in spec["containers"].as_array_mut().unwrap() {
        let container = container.as_object_mut().unwrap();
        strip(container, "volumeMounts");
        if mode == "probe" {
            container.remove("startupProbe");
        } else {
            container.retain(|key, value| key != "startupProbe" || !value.is_null());
        }
        let is_ours = |value: &Value| value["exec"]["command"][0] == "/lithify/lithify";
        container.retain(|key, value| !matches!(key.as_str(), "livenessProbe" | "readinessProbe") || !is_ours(value));
        let command = container["command"].as_array_mut().unwrap();
        if command[0] == "/lithify/lithify" {
            command.drain(..5);
        }
    }
    pod
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn injecting_twice_is_injecting_once_and_nothing_else_changes(text in pod(), mode in one_of(&["probe", "stage", "run"])) {
        let inject = |text: &str| kubectl_lithify::inject_text(text, mode, &["nginx"]);
        let once = inject(&text).ok_or_else(|| TestCaseError::fail(format!("refused:\n{text}")))?;
        let twice = inject(&once);
        prop_assert_eq!(twice.as_ref(), Some(&once), "second run of\n{}", once);

        let (before, after) = (data(&text), data(&once));
        prop_assert_eq!(before.len(), after.len());
        prop_assert_eq!(without_ours(&after[0], mode), without_ours(&before[0], mode), "{}", once);
        prop_assert_eq!(&after[1..], &before[1..]);
        // It is there, for every container.
        for container in after[0]["spec"]["containers"].as_array().unwrap() {
            let mounts = container["volumeMounts"].as_array().unwrap();
            prop_assert!(mounts.iter().any(|mount| mount["mountPath"] == "/lithify" && mount["readOnly"] == true));
            let called = match mode {
                "probe" => container["startupProbe"]["exec"]["command"][1] == "harden",
                "run" => container["command"][1] == "run",
                _ => mounts.iter().any(|mount| mount["subPath"] == "root/usr/bin"),
            };
            prop_assert!(called, "{}", once);
        }
        // Every comment is still there.
        let comments = |text: &str| text.matches("# ").count();
        let of_the_probe = if mode == "probe" { text.matches("# old").count() } else { 0 };
        prop_assert!(comments(&once) >= comments(&text) - of_the_probe, "{}", once);
        let endings = |text: &str| (text.matches('\n').count(), text.matches("\r\n").count());
        let (all, windows) = endings(&once);
        prop_assert!(windows == 0 || windows == all, "mixed line ends:\n{}", once);
    }
}

/// Commands of ours as people write them on.
const OURS: &[&str] = &[
    "    command: # of ours\n    # the binary\n    - /lithify/lithify\n    - run\n    - --profile # because\n    - nginx # of the app\n    # verbosity\n    - -v\n    - -- # and then\n    # the app\n    - /app # it\n",
    "    command:\n      - \"/lithify/lithify\"\n      - \"run\"\n      - \"--profile=nginx\" # one\n      # two\n      - '--profile=redis' # three\n      - \"--\"\n      - app\n      # last\n",
    "    command: [/lithify/lithify, run, # verb\n      -p, nginx, # what\n      -p, redis, -p, httpd # more\n      , --, app] # end\n",
    "    command:\n    - /lithify/lithify\n    - run\n    - # why\n      --profile\n    - # which\n      nginx\n    - --profile\n    - # again\n      shells\n    - --\n    - app\n",
    "    command: [\"/lithify/lithify\", \"run\", \"--\", \"app\"] # none yet\n",
];

proptest! {
    #[test]
    fn other_profiles_leave_comments_alone(command in one_of(OURS), mounts in one_of(MOUNTS), windows: bool, many in 0..4_usize) {
        let text = format!("kind: Pod\nmetadata: {{ name: x }}\nspec:\n  containers:\n  - name: app\n    image: app:1\n{command}{mounts}");
        let text = if windows { text.replace('\n', "\r\n") } else { text };
        let profiles = ["shells", "coreutils", "nginx", "redis"].get(..=many).unwrap();
        let inject = |text: &str| kubectl_lithify::inject_text(text, "run", profiles);
        let once = inject(&text).ok_or_else(|| TestCaseError::fail(format!("refused:\n{text}")))?;
        prop_assert_eq!(inject(&once), Some(once.clone()), "second run of\n{}", once);
        let words = |text: &str| -> Vec<String> { serde_json::from_value(data(text)[0]["spec"]["containers"][0]["command"].clone()).unwrap() };
        let (before, after) = (words(&text), words(&once));
        let split = |words: &[String]| { let at = words.iter().position(|word| word == "--").unwrap(); (words[..at].to_vec(), words[at..].to_vec()) };
        let ((_, app), (ours, app_after)) = (split(&before), split(&after));
        prop_assert_eq!(app, app_after);
        let expected = profiles.iter().flat_map(|profile| ["--profile", profile]);
        let expected: Vec<&str> = ["/lithify/lithify", "run"].into_iter().chain(expected).chain(before.iter().any(|word| word == "-v").then_some("-v")).collect();
        prop_assert_eq!(ours, expected);
        for comment in text.lines().filter_map(|line| line.find("# ").map(|at| line[at..].trim_end())) {
            prop_assert!(once.lines().any(|line| line.trim_end().ends_with(comment)), "{comment} is gone:\n{once}");
        }
    }
}
