//! One scenario or more for each command: how it is called, and what it may say where something fails.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use super::place::{First, Place, Programs, Start};

/// A command as it is called in a small tree.
#[derive(Clone)]
pub struct Scenario {
    /// The words by which help names the command.
    pub command: &'static str,
    pub start: Start,
    /// The exit code without a fault, and those with one.
    pub code: i32,
    pub codes: &'static [i32],
    /// What is done to the tree before.
    pub prepare: fn(&Place, &Programs),
    /// Whether it prints a list that nobody judges by.
    pub lists: bool,
    /// Where it writes what another fault may make differ, such as what was seen of an app.
    pub varies: &'static [&'static str],
}

/// For a command that looks, and may not find out.
const LOOKS: &[i32] = &[1];
/// It reads what somebody wrote, and may be unable to.
const READS: &[i32] = &[1, 2];
/// For one that refuses if it is not safe.
pub const REFUSES: &[i32] = &[1, 2, 3];
/// For one that waits.
const WAITS: &[i32] = &[1, 2, 3, 75];
/// For one that becomes an app, or waits for it.
const STARTS: &[i32] = &[125, 126, 127];

/// What tini exits with if it cannot start the app, and `run --after-start` also if it cannot harden it.
const TINI: &[i32] = &[1, 125, 126, 127];

const PROFILE: &str = r#"schema = 1
name = "site"
[remove]
names = ["sh", "curl"]
paths = ["/opt/tool"]
[strip]
setid = true
[keep]
app = ["/bin/app"]
[verify.files]
absent = ["/bin/sh"]
present = ["/bin/app"]
[verify.mounts]
read_only = ["/lithify"]
[verify.process]
no_new_privs = false
[verify.exposure]
runtime_socket = false
service_account_token = false
host_pid = false
[verify.drift]
processes = false
"#;

const TOMBSTONES: &str = r#"schema = 1
name = "tombstones"
[remove]
names = ["sh", "curl"]
method = "tombstone"
[keep]
app = ["/bin/app"]
"#;

pub fn scenario(command: &'static str, arguments: &str, codes: &'static [i32]) -> Scenario {
    let arguments = arguments.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('_', " ")).collect();
    let start = Start { arguments, first: First::App, children: true, threads: false };
    let prepare = |place: &Place, _: &Programs| {
        fs::write(place.root().join("profile.toml"), PROFILE).unwrap();
        fs::write(place.root().join("tombstones.toml"), TOMBSTONES).unwrap();
    };
    Scenario { command, start, code: 0, codes, prepare, lists: false, varies: &[] }
}

impl Scenario {
    /// It is the first process of its namespace, and becomes an app that exits with a code of its own.
    fn starts(mut self) -> Self {
        self.start.first = First::Itself;
        self.code = crate::harness::program::CODE;
        self
    }

    pub fn with_threads(mut self) -> Self {
        self.start.threads = true;
        self
    }

    fn exits(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// It traces its children itself.
    fn alone(mut self) -> Self {
        self.start.children = false;
        self
    }

    fn lists(mut self) -> Self {
        self.lists = true;
        self
    }

    fn varies(mut self, paths: &'static [&'static str]) -> Self {
        self.varies = paths;
        self
    }

    pub fn prepared(mut self, prepare: fn(&Place, &Programs)) -> Self {
        self.prepare = prepare;
        self
    }

    pub fn name(&self) -> String {
        self.start.arguments.join(" ")
    }

    /// A place in which it can run.
    pub fn place(&self, programs: &Programs) -> Place {
        let place = Place::new();
        (self.prepare)(&place, programs);
        place
    }
}

/// What a command without faults has done before.
fn after(place: &Place, programs: &Programs, arguments: &str) {
    let earlier = scenario("", arguments, &[]);
    (earlier.prepare)(place, programs);
    // What is made within some 20 ms of a start counts as made after it (src/target/start.rs).
    std::thread::sleep(std::time::Duration::from_millis(50));
    let ended = place.run(programs, &earlier.start, None);
    assert_eq!(ended.code, 0, "{arguments}: {}", ended.all());
}

pub fn hardened(place: &Place, programs: &Programs) {
    after(place, programs, "harden -p /profile.toml");
}

fn sealed(place: &Place, programs: &Programs) {
    after(place, programs, "seal --out /volume/manifest");
}

fn scanned(place: &Place, programs: &Programs) {
    let earlier = scenario("", "scan --format json", &[]);
    let ended = place.run(programs, &earlier.start, None);
    fs::write(place.root().join("volume/scan.json"), ended.stdout).unwrap();
}

/// Answers whoever asks, for as long as the tests run. Returns its port.
pub fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                use std::io::{Read, Write};
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
            });
        }
    });
    port
}

/// All of them; `port` is that of [`server`].
pub fn all(port: u16) -> Vec<Scenario> {
    vec![
        scenario("harden", "harden -v -p /profile.toml", REFUSES),
        scenario("harden", "harden --root /target -p shells --format json", REFUSES),
        scenario("harden", "harden --wait-for-app --wait-for file:/data/one -p /profile.toml", WAITS),
        // A link that leads to a tombstone is as good as one.
        scenario("harden", "harden -p /tombstones.toml --remove /opt/*", REFUSES).varies(&["usr/local/bin/x"]),
        scenario("harden", "harden -p /profile.toml --dry-run -v", REFUSES),
        // What the app runs: refused as a whole, whatever fails.
        scenario("harden", "harden --remove app --remove curl", REFUSES).exits(3),
        scenario("verify", "verify -v -p /profile.toml", READS).prepared(hardened),
        scenario("verify", "verify -p /profile.toml --format json --prove", READS).prepared(hardened),
        scenario("verify", "verify --seal /volume/manifest", READS).prepared(sealed),
        scenario("verify", "verify --list-checks", LOOKS),
        scenario("scan", "scan", REFUSES).lists(),
        scenario("scan", "scan --compare /volume/scan.json --fail-on all", REFUSES).prepared(scanned),
        scenario("seal", "seal --out /volume/manifest", REFUSES).varies(&["volume/manifest"]),
        scenario("seal", "seal", REFUSES).with_threads(),
        scenario("seal", "seal --after -p /profile.toml", REFUSES),
        scenario("diff", "diff --since /volume/manifest", READS).prepared(sealed),
        scenario("diff", "diff", READS),
        scenario("run", "run -p /profile.toml -- /bin/seven", STARTS).starts(),
        scenario("run", "run --init -p /profile.toml --user 33:33 -- /bin/seven", STARTS).starts(),
        scenario("run", "run --after-start -p /profile.toml -- /bin/until-told", TINI).starts(),
        scenario("init", "init -- /bin/seven", TINI).starts(),
        scenario("learn", "learn --out /volume/learned.toml -- /bin/zero", STARTS)
            .starts()
            .exits(0)
            .alone()
            .varies(&["volume/learned.toml"]),
        scenario("learn", "learn --for 0.05 --out /volume/learned.toml", READS).varies(&["volume/learned.toml"]),
        scenario("stage", "stage -p /profile.toml /bin /data --to /volume", REFUSES),
        scenario("install", "install /volume", LOOKS),
        scenario("install", "install /volume --only verify_-p_shells", LOOKS),
        scenario("sleep", "sleep 0.01", LOOKS),
        scenario("probe tcp", &format!("probe tcp 127.0.0.1:{port}"), READS),
        scenario("probe http", &format!("probe http http://127.0.0.1:{port}/"), READS),
        scenario("probe file", "probe file /data/one", READS),
        scenario("profile list", "profile list", LOOKS),
        scenario("profile show", "profile show shells /profile.toml", READS),
        scenario("profile check", "profile check /profile.toml", READS),
        scenario("profile schema", "profile schema", LOOKS),
        scenario("help", "help", LOOKS),
    ]
}

/// Whether `path` is one that the scenario lets differ.
pub fn varies(scenario: &Scenario, path: &Path) -> bool {
    scenario.varies.iter().any(|varies| path == Path::new(varies))
}
