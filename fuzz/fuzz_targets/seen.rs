//! Any bytes are what the kernel says of a process while it is watched: its mappings, its control groups, its sockets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lithify::linux::proc::{cgroup, maps, net};

fuzz_target!(|text: &[u8]| {
    let files = maps::parse(text);
    maps::executable(text, &mut |id, path| {
        assert!(files.iter().any(|file| file.id == id && file.path.as_deref() == Some(path)));
    });
    let _ = cgroup::groups(text);
    let mut sockets = Vec::new();
    for tcp in [true, false] {
        net::parse(&String::from_utf8_lossy(text), tcp, &mut sockets);
    }
    assert!(sockets.iter().all(|socket| socket.port != 0));
});
