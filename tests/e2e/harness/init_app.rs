//! The app of the tests of `run`, tests/init/app.c: compiled once, static, so that it runs in any container.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The compiled program, alone in its directory.
pub fn app() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init/app.c");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("app");
    let program = directory.join("app");
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    if time(&program) < time(&source) {
        // Tests that run at the same time each make their own, and the last one stays.
        let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("app.{}", std::process::id()));
        let status = Command::new("cc")
            .args(["-static", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&own)
            .arg(&source)
            .status()
            .unwrap();
        assert!(status.success(), "cc {}", source.display());
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
        assert!(start.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
