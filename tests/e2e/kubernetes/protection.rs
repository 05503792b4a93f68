//! Which way gives which protection: each is tried on an app with a hole, through which an intruder executes what he likes,
//! and the README's table is compared with what came out.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::Ran;
use crate::harness::attempts::{ANYWHERE, works};
use crate::harness::cluster::{Namespace, Pod, status};

/// Executes the commands that the path of a request holds, JSON in hexadecimal, and answers with what they print.
const APP: &str = r#"
import http.server, json, subprocess
class Hole(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        for command in json.loads(bytes.fromhex(self.path.strip("/"))):
            try:
                ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
                self.wfile.write(ran.stdout + ran.stderr + b"\n")
            except Exception as error:
                self.wfile.write(f"{error}\n".encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("", 8080), Hole).serve_forever()
"#;

const PROFILE: &str = "schema = 1\ninclude = [\"distroless\"]\n[keep]\nnames = [\"python3\"]\n";
const CONFINED: &str = "[confine]\nwrite = [\"/tmp\"]\nexecute = []\n";

/// Brings a program along and executes it: the interpreter's own, under another name. What else runs code is tried in
/// `run/landlock.rs`.
const BRING: &str = "import shutil, subprocess; shutil.copy('/usr/bin/python3', '/tmp/brought'); \
                     subprocess.run(['/tmp/brought', '-c', \"print('pw' + 'ned')\"])";
/// Puts one where programs are looked for.
const REPLACE: &str = "import shutil; shutil.copy('/usr/bin/python3', '/usr/bin/sh'); print('pw' + 'ned')";

struct Way {
    /// As the README's table says it.
    title: &'static str,
    /// Under the Pod Security Standard "restricted" and with a read-only root, or as root with a writable one.
    restricted: bool,
    /// Of the app's container.
    command: &'static [&'static str],
    harden: bool,
    confined: bool,
    stage: bool,
}

const RUN: &[&str] = &["/lithify/lithify", "run", "--profile", "/site/app.toml", "--", "python3", "/site/app.py"];
const PLAIN: &[&str] = &["python3", "/site/app.py"];

const NOTHING: Way =
    Way { title: "nothing", restricted: true, command: PLAIN, harden: false, confined: false, stage: false };

const WAYS: &[Way] = &[
    NOTHING,
    Way { title: "`startupProbe` with `harden`", restricted: false, harden: true, ..NOTHING },
    Way { title: "`run` as the command", restricted: false, command: RUN, ..NOTHING },
    Way { title: "`run` as the command", command: RUN, ..NOTHING },
    Way { title: "`run` with `[confine]`", command: RUN, confined: true, ..NOTHING },
    Way { title: "`stage`, and its mounts", stage: true, ..NOTHING },
    Way { title: "`stage`, and `run` with `[confine]`", command: RUN, confined: true, stage: true, ..NOTHING },
];

impl Way {
    /// The pod that goes this way.
    fn manifest(&self, name: &str) -> String {
        let mount = |name: &str, at: &str| json!({ "name": name, "mountPath": at });
        let read = |name: &str, at: &str| json!({ "name": name, "mountPath": at, "readOnly": true });
        let security = if self.restricted {
            json!({
                "readOnlyRootFilesystem": true,
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "runAsUser": 65532, "runAsGroup": 65532, "runAsNonRoot": true,
            })
        } else {
            json!({})
        };
        let sources = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "--to", "/staged"];
        let stage = [&["/lithify/lithify", "stage", "--profile", "/site/app.toml"][..], &sources].concat();
        let harden = ["/lithify/lithify", "harden", "--wait-for-app", "--profile", "/site/app.toml"];
        // The program accepts what this pod calls, and nothing else.
        let calls = [(self.stage, &stage[..]), (self.harden, &harden), (self.command == RUN, self.command)];
        let calls = calls.into_iter().filter(|(is, _)| *is).map(|(_, call)| format!("--only={}", call[1..].join(" ")));
        let args: Vec<String> = ["install", "/lithify"].map(str::to_owned).into_iter().chain(calls).collect();
        let mut init = vec![json!({
            "name": "lithify",
            "image": "ghcr.io/lithify/lithify:0.1.0",
            "args": args,
            "volumeMounts": [mount("lithify", "/lithify")],
        })];
        let mut mounts = vec![read("lithify", "/lithify"), read("site", "/site"), mount("tmp", "/tmp")];
        if self.stage {
            init.push(json!({
                "name": "stage",
                "image": "python:3",
                "command": stage,
                "securityContext": security,
                "volumeMounts": [read("lithify", "/lithify"), read("site", "/site"), mount("staged", "/staged")],
            }));
            for directory in ["usr/bin", "usr/sbin"] {
                let mut staged = read("staged", &format!("/{directory}"));
                staged["subPath"] = json!(format!("root/{directory}"));
                mounts.push(staged);
            }
        }
        let mut app = json!({
            "name": "app",
            "image": "python:3",
            "command": self.command,
            "securityContext": security,
            "volumeMounts": mounts,
            "readinessProbe": { "tcpSocket": { "port": 8080 }, "periodSeconds": 1 },
        });
        if self.harden {
            app["startupProbe"] = json!({
                "exec": { "command": harden },
                "periodSeconds": 1, "failureThreshold": 14, "timeoutSeconds": 10,
            });
        }
        let mut volumes = ["lithify", "staged", "tmp"].map(|name| json!({ "name": name, "emptyDir": {} })).to_vec();
        volumes
            .push(json!({ "name": "site", "configMap": { "name": if self.confined { "confined" } else { "open" } } }));
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": name },
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "securityContext": if self.restricted { json!({ "fsGroup": 65532 }) } else { json!({}) },
                "initContainers": init,
                "containers": [app],
                "volumes": volumes,
            },
        })
        .to_string()
    }

    /// Its row of the table, as tried on its pod.
    fn row(&self, pod: &Pod) -> String {
        let is = |it: bool| if it { "yes" } else { "**no**" };
        let user = if self.restricted { "restricted" } else { "root, writable root" };
        let by_exec = ANYWHERE.iter().any(|attempt| works(&pod.exec("app", *attempt)));
        let by_app = works(&through_the_app(pod, ANYWHERE));
        let [brings, replaces] = [BRING, REPLACE].map(|code| works(&through_the_app(pod, &[&["python3", "-c", code]])));
        format!("| {} |", [self.title, user, is(by_exec), is(by_app), is(replaces), is(brings)].join(" | "))
    }
}

/// What the app answers when it is made to execute these.
fn through_the_app(pod: &Pod, commands: &[&[&str]]) -> Ran {
    let hexadecimal: String = json!(commands).to_string().bytes().map(|byte| format!("{byte:02x}")).collect();
    let ran = pod.try_http(8080, &hexadecimal);
    let answers = ran.stdout.lines().count();
    assert!(ran.code == 0 && answers >= commands.len(), "the app must go on: {ran:?}");
    ran
}

#[test]
fn of_each_way_as_the_readme_says() {
    let namespace = Namespace::new();
    for (name, profile) in [("open", PROFILE.to_owned()), ("confined", format!("{PROFILE}{CONFINED}"))] {
        let data = json!({ "app.py": APP, "app.toml": profile });
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data });
        namespace.apply(&map.to_string());
    }
    let pods: Vec<_> = WAYS
        .iter()
        .enumerate()
        .map(|(index, way)| {
            let name = format!("way-{index}");
            namespace.apply(&way.manifest(&name));
            namespace.pod(&name)
        })
        .collect();
    // Deleting is not for the restricted: such a pod never becomes ready.
    namespace.apply(&Way { harden: true, ..NOTHING }.manifest("cannot"));
    let rows: Vec<_> = WAYS.iter().zip(&pods).map(|(way, pod)| way.row(pod.ready())).collect();
    namespace.pod("cannot").until("was restarted", |pod| status(pod, "app")["restartCount"].as_u64() > Some(0));
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for row in &rows {
        assert!(readme.contains(row), "the README's table must be:\n{}", rows.join("\n"));
    }
}
