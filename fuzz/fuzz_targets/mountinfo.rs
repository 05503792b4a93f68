//! Any bytes are mount points or an error; every mount found is one of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lithify::linux::proc::mountinfo::Mounts;

fuzz_target!(|text: &[u8]| {
    if let Ok(mounts) = Mounts::parse(text) {
        for mount in mounts.iter() {
            let _ = mounts.covering(&mount.point);
        }
        assert!(mounts.visible().count() <= mounts.iter().count());
    }
});
