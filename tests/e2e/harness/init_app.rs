//! What the tests compile and run inside containers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The app of the tests of `run`, tests/init/app.c, alone in its directory: static, so that it runs in any container.
pub fn app() -> PathBuf {
    compiled("app", "app.c", &["-static"])
}

/// tests/init/reach.c, which tries what is outside of it.
pub fn reach() -> PathBuf {
    compiled("reach", "reach.c", &["-static"])
}

/// tests/init/daemon.c, which changes its user by itself.
pub fn daemon() -> PathBuf {
    compiled("daemon", "daemon.c", &["-static", "-pthread"])
}

/// tests/init/tasks.c, which starts programs in every way.
pub fn tasks() -> PathBuf {
    compiled("tasks", "tasks.c", &["-static", "-pthread"])
}

/// tests/init/module.c, for a server that loads modules.
pub fn module() -> PathBuf {
    compiled("module.so", "module.c", &["-shared", "-fPIC"])
}

/// tests/init/idmap.c, which mounts a directory with other owners.
pub fn idmap() -> PathBuf {
    compiled("idmap", "idmap.c", &["-static"])
}

fn compiled(name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.trim_end_matches(".so"));
    let program = directory.join(name);
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    if time(&program) < ["app.c", source].iter().filter_map(|name| time(&sources.join(name))).max() {
        // Tests that run at the same time each make their own, and the last one stays.
        let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{}", std::process::id()));
        let status = Command::new("cc")
            .args(flags)
            .args(["-O1", "-Wall", "-Werror", "-o"])
            .arg(&own)
            .arg(sources.join(source))
            .status()
            .unwrap();
        assert!(status.success(), "cc {source}");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::rename(&own, &program).unwrap();
    }
    program
}

/// Waits until `done` says something.
#[track_caller]
pub fn eventually<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "not within 60 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
