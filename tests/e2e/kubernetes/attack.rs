//! What somebody tries who may `kubectl exec` into a pod. Each attempt is shown to succeed in the unhardened pods of the
//! same images.

use crate::harness::attempts::{ANYWHERE, LOADER, works};
use crate::harness::cluster::{Namespace, Pod};

/// No attempt works in the container, and not because nothing can be started at all.
#[track_caller]
pub fn assert_withstands(pod: &Pod, container: &str) {
    pod.exec(container, [LOADER, "--version"]).exits(0).says("ld.so");
    let working = tried(pod, container, |works, code| works || code == 0);
    assert!(working.is_empty(), "still work in {}: {working:#?}", pod.name);
}

/// The attempts of which this is so, by whether they work and how they end.
fn tried(pod: &Pod, container: &str, is_so: impl Fn(bool, i32) -> bool) -> Vec<String> {
    let tried = ANYWHERE.iter().map(|attempt| (attempt, pod.exec(container, *attempt)));
    tried.filter(|(_, ran)| is_so(works(ran), ran.code)).map(|(attempt, ran)| format!("{attempt:?}: {ran:?}")).collect()
}

#[test]
fn every_attempt_succeeds_in_the_plain_images() {
    let namespace = Namespace::new();
    // With the number that do not: chroot, su, runuser, dpkg and apt-get need root.
    let plain =
        [("nginx:1.28", 0, 0), ("httpd:2.4", 0, 0), ("redis:7", 0, 0), ("python:3", 0, 0), ("nginx:1.28", 65532, 5)];
    let pods = plain.iter().enumerate().map(|(index, (image, user, _))| {
        let name = format!("plain-{index}");
        namespace.apply(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{ name: {name} }}\nspec:\n  containers:\n  - name: app\n    \
             image: {image}\n    command: [sleep, \"1000\"]\n    securityContext: {{ runAsUser: {user} }}\n"
        ));
        namespace.pod(&name)
    });
    let pods: Vec<_> = pods.collect();
    for (pod, (image, user, most)) in pods.iter().zip(plain) {
        let idle = tried(pod.ready(), "app", |works, _| !works);
        assert!(idle.len() <= most, "no attacks even before, in {image} as {user}: {idle:#?}");
    }
}
