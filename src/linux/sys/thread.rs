//! Threads that help with one piece of work. The standard library's threads would take 6 kB more, and their stacks of
//! 2 MiB do not fit into a limit on memory.

use std::mem::MaybeUninit;
use std::ptr::null_mut;

use nix::libc;

/// The stack of a helper, in bytes.
const STACK: usize = 64 * 1024;

/// Calls `own` in this thread, and `helper` in each of `count` further threads. Returns when all have ended. Where the
/// kernel refuses a thread (`pids.max`, a seccomp profile), there are fewer.
pub fn with_helpers(count: usize, helper: &(dyn Fn() + Sync), own: &mut dyn FnMut()) {
    let mut helpers = Helpers(Vec::new());
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    for _ in 0..count {
        let mut thread = MaybeUninit::uninit();
        // SAFETY: the attributes are initialised before they are read. `helper` is borrowed until this function ends,
        // and `helpers` waits for the threads before that, even when `own` panics.
        unsafe {
            libc::pthread_attr_init(attributes.as_mut_ptr());
            libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK);
            let work = (&raw const helper).cast_mut().cast();
            if libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), help, work) != 0 {
                break;
            }
            helpers.0.push(thread.assume_init());
        }
    }
    own();
}

extern "C" fn help(work: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: `with_helpers` passes a pointer to this reference, and waits until this function has returned.
    unsafe { (*work.cast::<&(dyn Fn() + Sync)>())() };
    null_mut()
}

/// Threads that were started. The end of this value waits for theirs.
struct Helpers(Vec<libc::pthread_t>);

impl Drop for Helpers {
    fn drop(&mut self) {
        for thread in &self.0 {
            // SAFETY: each was started by pthread_create, and nobody else waits for it.
            unsafe { libc::pthread_join(*thread, null_mut()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn all_have_ended_when_it_returns() {
        let (helped, mut own) = (AtomicU32::new(0), 0);
        for count in [0, 1, 7] {
            let help = || {
                std::thread::sleep(std::time::Duration::from_millis(20));
                helped.fetch_add(1, Ordering::Relaxed);
            };
            with_helpers(count, &help, &mut || own += 1);
        }
        assert_eq!((helped.into_inner(), own), (8, 3));
    }
}
