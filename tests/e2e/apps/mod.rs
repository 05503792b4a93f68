//! Real apps.
mod client;
mod list;

use crate::harness::container::Spec;
use crate::harness::rootfs;
use list::*;

#[test]
fn plain() {
    let only = std::env::var("APP").unwrap_or_default();
    for app in APPS.iter().filter(|app| only.is_empty() || only.split(',').any(|only| only == app.name)) {
        let t = std::time::Instant::now();
        let apps = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/apps");
        let spec = match app.tree {
            Tree::Rootfs => Spec::new(&rootfs(app.name), app.command),
            Tree::Layer(name) => Spec::new(&apps.join("base"), app.command).layer(&apps.join(name)),
        };
        let mut env = vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
        env.extend(app.environment);
        let c = spec.environment(&env).start();
        let mut ok = false;
        for _ in 0..100 { if client::is_answering(app, &c) { ok = true; break } std::thread::sleep(std::time::Duration::from_millis(100)); }
        eprintln!("{}: {ok} {:?}", app.name, t.elapsed());
        if !ok { eprintln!("{} running {}", c.log(), c.is_running()); }
        c.restart();
        let mut ok = false;
        for _ in 0..100 { if client::is_answering(app, &c) { ok = true; break } std::thread::sleep(std::time::Duration::from_millis(100)); }
        eprintln!("{}: again {ok} {:?}", app.name, t.elapsed());
        if !ok { eprintln!("{} running {}", c.log(), c.is_running()); }
    }
}
