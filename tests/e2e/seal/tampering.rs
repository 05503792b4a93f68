//! What somebody changes in a running container, and which command finds it: the table of docs/state.md, checked both ways.
//! What it says is found is found, and what it says is missed is missed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::container::{Container, Spec};
use crate::harness::{rootfs, run};

/// The state that is asked for, the file of a library that the app does not load, and what the profile leaves out.
const SEAL: &str = "schema = 1\n[seal]\nexclude = [\"/var/log\"]\n[verify.mounts]\nwritable = [\"/tmp\"]\n";
const APP: &str = "schema = 1\n[verify.mounts]\nwritable = [\"/run\", \"/var/cache/nginx\"]\n";
const DRIFT: &str =
    "schema = 1\n[verify.mounts]\nwritable = [\"/tmp\"]\n[verify.drift]\nexecutables = false\nprocesses = false\n";

/// How somebody does it.
enum How {
    /// By a shell in the container.
    Inside(&'static str),
    /// By a program that goes on running.
    Running(&'static [&'static str]),
    /// By a command of this machine, in the directory of the container's root: with the rights of a root that has all
    /// capabilities there.
    Outside(&'static str),
    /// By a command of the container in its namespaces, with the right to mount.
    Mounting(&'static str),
}
use How::{Inside, Mounting, Outside, Running};

/// A tampering, as the table names it, and how it is done.
const TAMPERINGS: &[(&str, How)] = &[
    // Content.
    ("a byte appended to a program", Inside("printf x >>/usr/bin/pinky")),
    (
        "a byte of a library changed, its length and times put back",
        Inside(
            "l=$(readlink -f /lib/x86_64-linux-gnu/libtic.so.6); cp -p $l /tmp/l; printf x | dd of=$l bs=1 seek=5000 conv=notrunc; touch -r /tmp/l $l; rm /tmp/l",
        ),
    ),
    ("a library replaced by another", Inside("cd /lib/x86_64-linux-gnu; cp libz.so.1 libtic.so.6")),
    ("two programs swapped", Inside("cd /usr/bin; mv pinky x; mv tac pinky; mv x tac")),
    ("a line added to /etc/passwd", Inside("echo intruder::0:0::/:/bin/sh >>/etc/passwd")),
    ("a web page changed", Inside("echo x >>/usr/share/nginx/html/index.html")),
    ("a hole added to the end of a file", Inside("truncate -s +1M /etc/login.defs")),
    ("/etc/ld.so.preload made", Inside("echo /tmp/x.so >/etc/ld.so.preload")),
    ("/etc/ld.so.cache changed", Inside("printf x >>/etc/ld.so.cache")),
    ("a file of /etc/cron.d made", Inside("echo '* * * * * root /tmp/x' >/etc/cron.d/x")),
    ("an ssh key added", Inside("mkdir /root/.ssh; echo key >/root/.ssh/authorized_keys")),
    ("a line added to /etc/hosts, which the runtime has made", Inside("echo 10.0.0.1 bank >>/etc/hosts")),
    // What is known of a file.
    ("a configuration file made writable for all", Inside("chmod o+w /etc/nginx/nginx.conf")),
    ("an x bit added to data", Inside("chmod +x /etc/login.defs")),
    ("a setuid bit added to a program", Inside("chmod u+s /usr/bin/pinky")),
    ("a capability added to a program", Outside("setcap cap_sys_admin+ep usr/bin/pinky")),
    ("the owner of a program changed", Inside("chown www-data /usr/bin/pinky")),
    ("the owner of a configuration file changed", Inside("chown www-data /etc/nginx/nginx.conf")),
    ("the mode of a directory changed", Inside("chmod o+w /usr/share/nginx/html")),
    ("an access control list that opens the mode", Outside("setfacl -m u:33:rw etc/passwd")),
    ("an access control list that lets www-data read /etc/shadow", Outside("setfacl -m u:33:r etc/shadow")),
    ("an attribute user.x added to data", Outside("setfattr -n user.x -v 1 etc/login.defs")),
    ("the times of data changed", Inside("touch -d 2001-01-01 /etc/login.defs")),
    // Names.
    ("a new program", Inside("cp /usr/bin/sleep /usr/local/bin/x")),
    ("a new script without an x bit", Inside("echo '#!/bin/sh' >/opt/x")),
    ("a new file of data", Inside("echo x >/opt/x")),
    ("a new empty directory", Inside("mkdir /opt/x")),
    ("a hard link to a program", Inside("ln /usr/bin/pinky /usr/bin/.x")),
    ("a program under another name", Inside("mv /usr/bin/pinky /usr/bin/x")),
    ("a configuration file under a name in capitals", Inside("mv /etc/login.defs /etc/LOGIN.defs")),
    ("a directory of programs under another name", Inside("mv /usr/lib/apt /usr/lib/apt2")),
    ("a link that leads elsewhere", Inside("ln -sf /usr/bin/dash /usr/bin/awk")),
    ("a program deleted", Inside("rm /usr/bin/pinky")),
    ("an empty directory deleted", Inside("rmdir /media")),
    // Other types.
    ("a program replaced by a link to a copy", Inside("mv /usr/bin/pinky /tmp/x; ln -s /tmp/x /usr/bin/pinky")),
    ("a file replaced by a directory", Inside("rm /etc/login.defs; mkdir /etc/login.defs")),
    ("a file replaced by a fifo", Inside("rm /etc/login.defs; mkfifo /etc/login.defs")),
    ("a new device", Inside("mknod /opt/x c 1 3")),
    // Places that the profile leaves out.
    ("a new program in a directory that [seal] exclude names", Inside("cp /usr/bin/sleep /var/log/x")),
    ("data in a directory that [seal] exclude names", Inside("echo x >/var/log/x")),
    ("a new program on a volume that the profile calls writable", Inside("cp /usr/bin/sleep /tmp/x")),
    // Mounts.
    ("another program mounted over a program", Mounting("mount --bind /usr/bin/dash /usr/bin/pinky")),
    (
        "a new program on a tmpfs mounted over a directory",
        Mounting("mount -t tmpfs x /opt && cp /usr/bin/sleep /opt/x"),
    ),
    // Processes.
    ("a program dropped in /tmp, and run", Running(&["cp /usr/bin/sleep /tmp/x", "/tmp/x", "1000"])),
    ("a program dropped in /opt, run, and deleted", Running(&["cp /usr/bin/sleep /opt/x", "/opt/x", "1000"])),
    (
        "a program run from memory (memfd_create)",
        Running(&[
            ":",
            "/usr/bin/perl",
            "-e",
            "$^F = 255; my $name = 'x'; my $fd = syscall(319, $name, 0); open(my $out, '>&=', $fd); open(my $in, '<', '/usr/bin/sleep'); binmode $in; binmode $out; local $/; print {$out} <$in>; $out->flush; exec \"/proc/self/fd/$fd\", '1000'",
        ]),
    ),
    (
        "the app's own program replaced",
        Inside("cp /usr/sbin/nginx /usr/sbin/x; printf x >>/usr/sbin/x; mv /usr/sbin/x /usr/sbin/nginx"),
    ),
    ("a program of the image run", Running(&[":", "/usr/bin/sleep", "1000"])),
    ("a script in /tmp run by a shell of the image", Running(&["echo 'sleep 1000; :' >/tmp/x", "/bin/sh", "/tmp/x"])),
    // lithify's own.
    (
        "a new program that a forged mark of harden names",
        Inside(
            "cp /usr/bin/sleep /usr/local/bin/x; stat -c '%.9Z %i /usr/local/bin/x' /usr/local/bin/x >/.lithify; chmod 644 /.lithify",
        ),
    ),
    ("nothing", Inside(":")),
];

/// Each tampering of the table in docs/state.md, with what it says of each way to look.
fn table() -> BTreeMap<String, [bool; 4]> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/state.md")).unwrap();
    let rows = page.split_once("| tampering | `--digest` | `--seal` | `diff` | drift |\n").unwrap().1;
    let rows = rows.lines().skip(1).take_while(|line| line.starts_with("| "));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let found = [1, 2, 3, 4].map(|at: usize| match cells[at] {
            "found" => true,
            "**missed**" => false,
            other => panic!("{other} in {line}"),
        });
        (cells[0].replace('`', ""), found)
    };
    rows.map(row).collect()
}

/// A container of nginx, with what the profile asks for.
fn nginx(site: &Path) -> Container {
    let spec = Spec::new(&rootfs("nginx"), &["/usr/sbin/nginx", "-g", "daemon off;"]);
    let container = spec.volume(site, "/site", &["ro"]).tmpfs("/tmp", &["mode=1777"]).start();
    assert_eq!(container.http(), "nginx answers\n");
    container
}

fn tamper(container: &Container, how: &How) {
    match how {
        Inside(script) => drop(container.exec(["/bin/sh", "-c", script]).exits(0)),
        Outside(script) => drop(run(Command::new("sh").args(["-ec", script]).current_dir(container.root())).exits(0)),
        Mounting(script) => drop(container.enter(["/bin/sh", "-c", script]).exits(0)),
        Running(command) => {
            container.exec(["/bin/sh", "-c", command[0]]).exits(0);
            container.exec_in_background(&command[1..]);
            let runs =
                || container.exec(["/bin/sh", "-c", "grep -ahs '100[0]' /proc/[0-9]*/cmdline"]).stdout.contains("1000");
            container.wait("run it", runs);
            if command[0].contains("/opt/x") {
                container.exec(["/bin/rm", "/opt/x"]).exits(0);
            }
        }
    }
}

/// What each way to look finds.
fn found(container: &Container, digest: &str) -> [bool; 4] {
    let fails = |arguments: &[&str]| {
        let ran = container.lithify(arguments);
        assert!([0, 1].contains(&ran.code), "{arguments:?}: {ran:?}");
        ran.does_not_say("UNVERIFIED").code == 1
    };
    let seal = ["verify", "-p", "/site/seal.toml"];
    // Without what the app itself has written.
    let diff = ["diff", "-p", "/site/app.toml", "--format", "json"];
    let changes = container.lithify(&diff).exits(0).json()["changes"].clone();
    [
        fails(&[&seal[..], &["--digest", digest]].concat()),
        fails(&[&seal[..], &["--seal", "/site/manifest"]].concat()),
        changes.as_array().is_some_and(|changes| !changes.is_empty()),
        fails(&["verify", "-p", "/site/drift.toml"]),
    ]
}

/// Every fourth tampering, from this one on.
fn check(first: usize) {
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("seal.toml"), SEAL).unwrap();
    fs::write(site.path().join("drift.toml"), DRIFT).unwrap();
    fs::write(site.path().join("app.toml"), APP).unwrap();
    let container = nginx(site.path());
    let manifest = container.lithify(&["seal", "-p", "/site/seal.toml", "--out", "-"]).exits(0).stdout;
    let digest = manifest.lines().last().unwrap().trim_start_matches("# ").to_owned();
    fs::write(site.path().join("manifest"), manifest).unwrap();
    drop(container);
    let table = table();
    let mut wrong = Vec::new();
    for (name, how) in TAMPERINGS.iter().skip(first).step_by(4) {
        let container = nginx(site.path());
        tamper(&container, how);
        let found = found(&container, &digest);
        if table.get(&name.replace('`', "")) != Some(&found) {
            let cells = found.map(|found| if found { "found" } else { "**missed**" });
            wrong.push(format!("| {name} | {} |", cells.join(" | ")));
        }
    }
    assert!(wrong.is_empty(), "the table of docs/state.md must say:\n{}", wrong.join("\n"));
}

#[test]
fn as_the_table_says_1() {
    check(0);
}

#[test]
fn as_the_table_says_2() {
    check(1);
}

#[test]
fn as_the_table_says_3() {
    check(2);
}

#[test]
fn as_the_table_says_4() {
    check(3);
}

#[test]
fn every_row_of_the_table_is_tried() {
    let table = table();
    let mut tried: Vec<String> = TAMPERINGS.iter().map(|(name, _)| (*name).to_owned()).collect();
    tried.sort();
    assert_eq!(table.into_keys().collect::<Vec<_>>(), tried);
    assert!(tried.len() > 40, "{}", tried.len());
}
