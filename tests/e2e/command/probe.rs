//! Health checks and `preStop` hooks in a container that has lost its shell, `curl`, `nc` and `sleep`.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::container::Spec;
use crate::harness::init_app::eventually;
use crate::harness::{rootfs, run_lithify};

#[test]
fn a_hardened_nginx() {
    let container = Spec::new(&rootfs("nginx"), &["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"]).start();
    assert_eq!(container.http(), "nginx answers\n");
    container.lithify(&["harden", "--wait-for-app", "-p", "distroless"]).exits(0);
    let probe = |arguments: &[&str]| container.lithify(&[&["probe"], arguments].concat());

    let ran = probe(&["tcp", "127.0.0.1:8080"]).exits(0);
    assert_eq!(ran.all(), "lithify probe: tcp:127.0.0.1:8080 answers\n");
    probe(&["tcp", "localhost:8080"]).exits(0);
    probe(&["http", "http://127.0.0.1:8080/any"]).exits(0);
    probe(&["http", "localhost:8080", "--timeout=5"]).exits(0);
    probe(&["file", "/run/nginx.pid", "-q"]).exits(0).does_not_say("answers");
    let json = probe(&["file", "/run/nginx.pid", "--format=json"]).exits(0).json();
    assert_eq!((&json["command"], &json["exit_code"]), (&"probe".into(), &0.into()));

    let refused = probe(&["tcp", "127.0.0.1:8081"]).exits(1).says("tcp:127.0.0.1:8081: Connection refused");
    assert_eq!(container.termination_message(), refused.stdout);
    probe(&["tcp", "[::1]:8080"]).exits(1);
    probe(&["http", "http://[::1]:8080/"]).exits(1);
    probe(&["tcp", "example.org:80"]).exits(1).says("is not in /etc/hosts, and no DNS server is asked").says("fix:");
    probe(&["file", "/run/none"]).exits(1).says("file:/run/none: No such file or directory");
    probe(&["http", "https://127.0.0.1/"]).exits(2).says("there is no TLS");
    probe(&["tcp", "127.0.0.1"]).exits(2).says("give HOST:PORT");
    probe(&["file", "run/none"]).exits(2).says("give an absolute path");
    probe(&["tcp", "127.0.0.1:8080", "--timeout=never"]).exits(2);
    probe(&["tcp", "127.0.0.1:8080"]).exits(0);
    assert_eq!(container.termination_message(), "");
}

#[test]
fn a_server_that_never_answers_costs_no_more_than_the_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let start = Instant::now();
    run_lithify(["probe", "http", &format!("127.0.0.1:{port}"), "--timeout", "1"])
        .exits(1)
        .says("it took the connection, and then: no answer in time");
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn sleep_takes_its_time() {
    let start = Instant::now();
    let ran = run_lithify(["sleep", "0.4"]).exits(0);
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!(ran.all(), "");
    // Nor does it lose any when it is stopped in between.
    let start = Instant::now();
    // Long enough to be still asleep when it is looked at.
    let mut child = crate::harness::command().args(["sleep", "3"]).spawn().unwrap();
    eventually("it sleeps", || is_asleep(&child.id().to_string()).then_some(()));
    for signal in [Signal::SIGSTOP, Signal::SIGCONT] {
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(start.elapsed() >= Duration::from_secs(3));
    run_lithify(["sleep", "1m"]).exits(2).says("seconds as a decimal number");
}

#[test]
fn a_signal_ends_sleep_at_once_also_as_process_1() {
    let container = Spec::new(&rootfs("nginx"), &["/lithify/lithify", "sleep", "1000"]).start();
    container.wait("sleep", || is_asleep(&container.pid()));
    kill(Pid::from_raw(container.pid().parse().unwrap()), Signal::SIGTERM).unwrap();
    container.wait_until_it_ends();

    let mut child = crate::harness::command().args(["sleep", "1000"]).spawn().unwrap();
    eventually("it sleeps", || is_asleep(&child.id().to_string()).then_some(()));
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
}

/// Whether it waits for a signal, in rt_sigtimedwait(2).
fn is_asleep(pid: &str) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
    call.starts_with(&format!("{} ", nix::libc::SYS_rt_sigtimedwait))
}

#[test]
fn nobody_listens_where_the_kernel_connects_us_to_ourselves() {
    // On a loopback of its own, where the only port that it may take for itself is the one that is probed.
    let script = "ip link set lo up && echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--net", "sh", "-c", script, "sh"]).arg(crate::harness::lithify());
    let ran = crate::harness::run(command.args(["probe", "tcp", "127.0.0.1:40000"]));
    ran.exits(1).says("tcp:127.0.0.1:40000: Connection refused");
}
