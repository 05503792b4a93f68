//! What was seen of what shuts the app off from the node: namespaces, labels, limits, and what is visible of the node.

use nix::errno::Errno;

use super::Evidence;
use crate::target::owner::OwnerError;

/// What was seen.
#[derive(Debug)]
pub enum Isolation {
    /// One of the ids is root, which is this id outside of its user namespace.
    RootInNamespace([u32; 4], u32),
    /// The id that root of the user namespace has outside of it; `None` if the namespace has no root.
    RootOutside(Option<u32>),
    /// The label of a security module.
    Label(Vec<u8>),
    /// How large a core file may be; `None` for no limit.
    CoreLimit(Option<u64>),
    /// No core file may be written, but the kernel hands the memory to this program of the node.
    CorePipe(Vec<u8>),
    /// Whether the namespace is the machine's own, and what says so.
    Initial(bool, ToldBy),
    /// Neither a number nor the heuristic tells whose network it is. This is the error of the heuristic.
    NetworkUnknown(Errno),
    /// The effects of a privileged container.
    Effects(Vec<Effect>),
    /// What the check looks for, by name or path; it passes if there is none.
    Names(Vec<Vec<u8>>),
    /// There is nothing of which the check could be asked.
    NothingSuch,
    /// The file of a control group that says a limit, and what it says.
    Limit(Vec<u8>, Vec<u8>),
    /// No file of its control group says a limit.
    NoSuchLimit,
    /// Settings of the kernel, with their values.
    Settings(Vec<(&'static str, Vec<u8>)>),
    /// It is not known whose container it is, or which process is the app's.
    NoOwner(OwnerError),
}

impl From<Isolation> for Evidence {
    fn from(isolation: Isolation) -> Self {
        Self::Isolation(isolation)
    }
}

/// What tells whether a namespace is the machine's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// Its number.
    Number,
    /// The kernel's settings, of which some are in the initial namespace only.
    Settings,
}

/// An effect that a privileged container has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The bounding set has every capability.
    AllCapabilities,
    /// `/sys` is writable.
    WritableSys,
    /// `/proc/sys` is writable.
    WritableSettings,
    /// There are block devices in `/dev`.
    Disks,
}
