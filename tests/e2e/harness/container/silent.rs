//! A mount whose server does not answer, in a running container.

use std::fs::File;
use std::os::fd::AsRawFd;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::Container;

impl Container {
    /// Mounts a FUSE filesystem at this directory, of which nobody reads the requests. Once the file is closed, every call
    /// on it fails.
    pub fn mount_silent(&self, at: &str) -> File {
        self.exec(["mkdir", "-p", at]).exits(0);
        let server = File::options().read(true).write(true).open("/dev/fuse").expect("FUSE of this kernel");
        let namespace = File::open(format!("/proc/{}/ns/mnt", self.pid())).unwrap();
        let (at, options) =
            (at.to_owned(), format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", server.as_raw_fd()));
        let mounts = move || {
            unshare(CloneFlags::CLONE_FS).unwrap();
            setns(namespace, CloneFlags::CLONE_NEWNS).unwrap();
            mount(Some("silent"), at.as_str(), Some("fuse.silent"), MsFlags::empty(), Some(options.as_str())).unwrap();
        };
        std::thread::spawn(mounts).join().unwrap();
        server
    }
}
