//! The profiles of standards, in a container that is as the standard wants it.

use serde_json::json;

use super::settings::sleeper;
use crate::harness::container::Spec;
use crate::harness::run_lithify;

/// As the strictest of them wants it.
fn hardened() -> Spec {
    sleeper().restricted().environment(&["PATH=/usr/bin"]).with(|config| {
        let cgroup = json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]});
        config["mounts"].as_array_mut().unwrap().push(cgroup);
        let (memory, cpu) = (json!({"limit": 268_435_456}), json!({"quota": 50_000, "period": 100_000}));
        config["linux"]["resources"] = json!({"memory": memory, "cpu": cpu, "pids": {"limit": 100}});
    })
}

#[test]
fn a_hardened_container_passes_each_of_them() {
    let container = hardened().start();
    for profile in ["pss-baseline", "pss-restricted", "restricted", "cis-docker", "nsa-hardening"] {
        container.lithify(&["verify", "-v", "-p", profile]).exits(0).says("hold").does_not_say("UNVERIFIED");
    }
}

#[test]
fn a_container_of_docker_meets_the_baseline_only() {
    let container = sleeper().start();
    container.lithify(&["verify", "-p", "pss-baseline"]).exits(0);
    container
        .lithify(&["verify", "-p", "pss-restricted"])
        .exits(1)
        .says("FAIL process.user")
        .says("process.no_new_privs");
    container
        .lithify(&["verify", "-p", "cis-docker"])
        .exits(1)
        .says("FAIL mounts.read_only /")
        .says("process.capabilities");
    container
        .lithify(&["verify", "-p", "nsa-hardening"])
        .exits(1)
        .says("FAIL mounts.read_only /")
        .says("process.group");
}

#[test]
fn profile_show_says_which_control_asks_for_which_check() {
    let shown = run_lithify(["profile", "show", "nsa-hardening"]).exits(0).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    let place = lines.iter().position(|line| line.starts_with("no_new_privs = true")).unwrap();
    assert_eq!(lines[place], "no_new_privs = true # pss-restricted");
    let controls = lines[place - 1];
    for control in
        ["# PSS restricted v1.8: allowPrivilegeEscalation", "CIS Docker 1.6.0: 5.26", "CIS Kubernetes 1.12: 5.2.6"]
    {
        assert!(controls.contains(control), "{controls}");
    }
    let json = run_lithify(["profile", "show", "nsa-hardening", "--format", "json"]).exits(0).json();
    let asks = |key: &str| json["controls"].as_array().unwrap().iter().find(|entry| entry["key"] == key);
    let controls_of = asks("verify.process.no_new_privs").unwrap()["controls"].as_str().unwrap();
    assert_eq!(format!("# {controls_of}"), controls);
    assert!(asks("verify.mounts.writable").is_none(), "{json}");
    let none = run_lithify(["profile", "show", "shells", "--format", "json"]).exits(0).json();
    assert!(none.get("controls").is_none(), "{none}");
}
