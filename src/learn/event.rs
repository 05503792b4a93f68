//! What was seen, for whoever wants to be told at once.

/// One thing that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A process has executed a program.
    Executed {
        /// The process.
        pid: u32,
        /// The program's path.
        program: &'a [u8],
        /// The script for which the kernel runs the program, if it is an interpreter of one.
        script: Option<&'a [u8]>,
        /// Whether the kernel told it; else it runs at the time of a look.
        told: bool,
    },
    /// A process has started another one.
    Forked {
        /// The process.
        pid: u32,
        /// The new one.
        child: u32,
    },
    /// A process has started a thread.
    Cloned {
        /// The process.
        pid: u32,
        /// The thread.
        thread: u32,
    },
    /// A process, or one of its threads, ends.
    Exited {
        /// The process.
        pid: u32,
        /// The thread, if it is not the first one.
        thread: Option<u32>,
        /// Its status, as wait(2) has it; `None` if that is not known.
        status: Option<i32>,
    },
}
