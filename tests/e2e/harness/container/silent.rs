//! A mount whose server does not answer, in a running container.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::thread::JoinHandle;

use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sched::{CloneFlags, setns, unshare};

use super::Container;

/// A server that takes the requests and answers none. Once it is dropped, every call on its mount fails.
pub struct Greedy {
    file: Option<Arc<File>>,
    taking: Option<JoinHandle<()>>,
}

impl Drop for Greedy {
    fn drop(&mut self) {
        drop(self.file.take());
        if let Some(taking) = self.taking.take() {
            let _ = taking.join();
        }
    }
}

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

    /// The same, with a server that takes the requests: whoever has made one waits, even if somebody kills it.
    pub fn mount_greedy(&self, at: &str) -> Greedy {
        let file = Arc::new(self.mount_silent(at));
        let server = Arc::downgrade(&file);
        let taking = std::thread::spawn(move || {
            let mut request = vec![0; 1 << 20];
            while let Some(file) = server.upgrade() {
                let mut ready = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
                if poll(&mut ready, 20u8).unwrap_or(0) > 0 && (&*file).read(&mut request).is_ok_and(|read| read >= 16) {
                    // FUSE_INIT (fuse(4), struct fuse_in_header) alone is answered: before it, nothing is asked.
                    if u32::from_ne_bytes(request[4..8].try_into().unwrap()) == 26 {
                        (&*file).write_all(&hello(&request[8..16])).unwrap();
                    }
                }
            }
        });
        Greedy { file: Some(file), taking: Some(taking) }
    }
}

/// The answer to `FUSE_INIT` (`struct fuse_out_header`, `struct fuse_init_out`).
fn hello(unique: &[u8]) -> Vec<u8> {
    let mut answer = [80u32.to_ne_bytes(), 0u32.to_ne_bytes()].concat();
    answer.extend(unique);
    for number in [7u32, 31, 0, 0, 0, 4096, 1] {
        answer.extend(number.to_ne_bytes());
    }
    answer.resize(80, 0);
    answer
}
