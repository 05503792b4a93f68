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

/// A server that takes the requests, and answers none or some. Once it is dropped, every call on its mount fails.
pub struct Greedy {
    file: Option<Arc<File>>,
    taking: Option<JoinHandle<()>>,
}

/// Operations (`enum fuse_opcode`).
const GETATTR: u32 = 3;
const STATFS: u32 = 17;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const READDIR: u32 = 28;
const RELEASEDIR: u32 = 29;

type Answer = &'static (dyn Fn(u32) -> Option<Vec<u8>> + Sync);

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
        self.mount_answering(at, &|operation| (operation == INIT).then(hello))
    }

    /// The same, with a server that answers for its top directory, which is empty, and to no name.
    pub fn mount_nameless(&self, at: &str) -> Greedy {
        self.mount_answering(at, &|operation| match operation {
            INIT => Some(hello()),
            GETATTR => Some(top()),
            STATFS => Some(vec![0; 80]),
            OPENDIR => Some(vec![0; 16]),
            READDIR | RELEASEDIR => Some(Vec::new()),
            _ => None,
        })
    }

    /// `answer` gives what stands after the head of the answer to an operation, if it is answered.
    fn mount_answering(&self, at: &str, answer: Answer) -> Greedy {
        let file = Arc::new(self.mount_silent(at));
        let server = Arc::downgrade(&file);
        let taking = std::thread::spawn(move || {
            let mut request = vec![0; 1 << 20];
            while let Some(file) = server.upgrade() {
                let mut ready = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
                if poll(&mut ready, 20u8).unwrap_or(0) > 0 && (&*file).read(&mut request).is_ok_and(|read| read >= 16) {
                    // fuse(4), struct fuse_in_header.
                    if let Some(body) = answer(u32::from_ne_bytes(request[4..8].try_into().unwrap())) {
                        let length = u32::try_from(16 + body.len()).unwrap();
                        let head = [&length.to_ne_bytes()[..], &[0; 4], &request[8..16]].concat();
                        (&*file).write_all(&[head, body].concat()).unwrap();
                    }
                }
            }
        });
        Greedy { file: Some(file), taking: Some(taking) }
    }
}

/// What `FUSE_INIT` is answered with (`struct fuse_init_out`). Before it, nothing else is asked.
fn hello() -> Vec<u8> {
    numbers(&[7, 31, 0, 0, 0, 4096, 1], 64)
}

/// What `FUSE_GETATTR` of the top directory is answered with (`struct fuse_attr_out`): it is number 1, with mode 0755 and
/// two links.
fn top() -> Vec<u8> {
    let mut attributes = [0; 26];
    (attributes[4], attributes[19], attributes[20]) = (1, 0o040_755, 2);
    numbers(&attributes, 104)
}

fn numbers(numbers: &[u32], length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
    bytes.resize(length, 0);
    bytes
}
