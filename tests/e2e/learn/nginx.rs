//! A real nginx: its workers, what it loads and writes, where it listens.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{entry, list, log, profile};
use crate::harness::container::Spec;
use crate::harness::rootfs;

const NGINX: [&str; 6] = ["/lithify/lithify", "learn", "--", "/usr/sbin/nginx", "-g", "daemon off;"];

/// Learns it while it answers one request, and stops it by SIGTERM. What both have printed.
fn learn(spec: Spec) -> String {
    learn_by(spec, "nginx answers")
}

/// The same of a server with this answer.
fn learn_by(spec: Spec, answer: &str) -> String {
    let container = spec.start();
    assert!(container.http().contains(answer));
    kill(Pid::from_raw(container.pid().parse().unwrap()), Signal::SIGTERM).unwrap();
    log(&container)
}

#[test]
fn as_the_first_process_with_what_a_runtime_grants() {
    let printed = learn(Spec::new(&rootfs("nginx"), &NGINX).runtime_default());
    let text = profile(&printed);
    assert_eq!(entry(text, "only", "/usr/sbin/nginx"), "the app, started once; run 1");
    assert_eq!(list(text, "only").len(), 1, "{text}");
    assert!(text.contains("libraries = \"closure\""), "{text}");
    assert!(text.contains("it listened on") && text.contains("8080"), "{text}");
    entry(text, "writable", "/var/cache/nginx");
}

#[test]
fn twice_the_same_byte_for_byte() {
    let of_one = || {
        let printed = learn(Spec::new(&rootfs("nginx"), &NGINX).runtime_default());
        profile(&printed).to_owned()
    };
    assert_eq!(of_one(), of_one());
}

#[test]
fn as_another_user_without_capabilities() {
    let command = ["/lithify/lithify", "learn", "--", "/usr/bin/python3", "-c"];
    let code = "import ssl, subprocess, os; open('/tmp/x', 'w'); subprocess.run(['/bin/ls', '/']); os._exit(3)";
    let command: Vec<&str> = command.into_iter().chain([code]).collect();
    let spec = Spec::new(&rootfs("python"), &command).user(65532, 65532).capabilities(&[]).no_new_privileges();
    let (ran, _) = spec.runtime_default().run();
    let text = profile(&ran.stdout);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(entry(text, "only", "/usr/bin/ls").contains("started once by python3"), "{text}");
    assert!(text.contains("user = 65532"), "{text}");
    // What only dlopen(3) leads to.
    assert!(text.contains("/usr/lib/python3.11"), "{text}");
    entry(text, "writable", "/tmp");
}

#[test]
fn modules_that_a_server_has_loaded_before_its_workers_start() {
    let command = ["/lithify/lithify", "learn", "--", "/usr/local/apache2/bin/httpd", "-DFOREGROUND"];
    let printed = learn_by(Spec::new(&rootfs("httpd"), &command), "It works!");
    let text = profile(&printed);
    assert!(list(text, "paths").iter().any(|line| line.contains("/usr/local/apache2/modules")), "{text}");
}

/// By `/proc` alone.
#[test]
fn where_a_seccomp_profile_refuses_ptrace() {
    let printed = learn(Spec::new(&rootfs("nginx"), &NGINX).refuse("ptrace", 1));
    let text = profile(&printed);
    assert!(printed.contains("tracing was refused"), "{printed}");
    assert!(entry(text, "only", "/usr/sbin/nginx").starts_with("the app, started once"), "{text}");
    assert_eq!(list(text, "only").len(), 1, "{text}");
    assert!(text.contains("libraries = \"closure\" # ") && !text.contains("# 0 libraries"), "{text}");
    assert!(text.contains("it listened on") && text.contains("8080"), "{text}");
    entry(text, "writable", "/var/cache/nginx");
    assert!(text.contains("# user: left out: root ran /usr/sbin/nginx"), "{text}");
}
