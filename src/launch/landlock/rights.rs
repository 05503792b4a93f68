//! Landlock's rights (linux/landlock.h), and which version of its interface has them. Decides only.

use std::fmt;

use crate::linux::sys::landlock::Handled;

pub(super) const EXECUTE: u64 = 1;
pub(super) const WRITE_FILE: u64 = 1 << 1;
pub(super) const READ_FILE: u64 = 1 << 2;
/// `REMOVE_DIR`, `REMOVE_FILE`, `MAKE_DIR`, `MAKE_REG`, `MAKE_SOCK`, `MAKE_FIFO`, `MAKE_SYM`.
const CHANGE_DIRECTORY: u64 = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12;
/// `MAKE_CHAR` and `MAKE_BLOCK`: handled and never allowed.
pub(super) const MAKE_DEVICE: u64 = 1 << 6 | 1 << 11;
/// Linking and renaming between directories (version 2). Landlock never allows it if it is not handled.
pub(super) const REFER: u64 = 1 << 13;
/// Truncating files.
pub(super) const TRUNCATE: u64 = 1 << 14;
/// ioctl(2) on devices.
pub(super) const IOCTL_DEV: u64 = 1 << 15;
/// The rights that mean something for a file.
pub(super) const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
pub(super) const WRITE: u64 = WRITE_FILE | CHANGE_DIRECTORY | MAKE_DEVICE | REFER | TRUNCATE;

/// Binding a TCP socket.
pub(super) const BIND_TCP: u64 = 1;
/// Connecting a TCP socket.
pub(super) const CONNECT_TCP: u64 = 1 << 1;

/// Connecting to abstract Unix sockets of processes outside of the domain.
pub(super) const ABSTRACT_UNIX_SOCKET: u64 = 1;
/// Sending signals to processes outside of the domain.
pub(super) const SIGNAL: u64 = 1 << 1;

/// Denials are logged beyond the next execve(2), which starts the app. The kernel does not log those by default.
const LOG_NEW_EXEC_ON: u32 = 1 << 1;

/// What `[confine]` can ask for and Landlock's first version does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `write` limits truncation.
    Truncation,
    /// `bind`.
    Bind,
    /// `connect`.
    Connect,
    /// `ioctl`.
    Ioctl,
    /// `scope = ["abstract-unix-socket"]`.
    AbstractUnixSocket,
    /// `scope = ["signal"]`.
    Signal,
    /// `audit`.
    Audit,
}

impl Feature {
    /// Those that restrict the app.
    const RESTRICTIONS: [Self; 6] =
        [Self::Truncation, Self::Bind, Self::Connect, Self::Ioctl, Self::AbstractUnixSocket, Self::Signal];

    /// The version of the interface that brought it, and of Linux.
    pub fn since(self) -> (u32, &'static str) {
        match self {
            Self::Truncation => (3, "6.2"),
            Self::Bind | Self::Connect => (4, "6.7"),
            Self::Ioctl => (5, "6.10"),
            Self::AbstractUnixSocket | Self::Signal => (6, "6.12"),
            Self::Audit => (7, "6.15"),
        }
    }

    /// What of `handled` belongs to it.
    fn of(self, handled: &mut Handled) -> (&mut u64, u64) {
        match self {
            Self::Truncation => (&mut handled.files, TRUNCATE),
            Self::Ioctl => (&mut handled.files, IOCTL_DEV),
            Self::Bind => (&mut handled.ports, BIND_TCP),
            Self::Connect => (&mut handled.ports, CONNECT_TCP),
            Self::AbstractUnixSocket => (&mut handled.scoped, ABSTRACT_UNIX_SOCKET),
            Self::Signal => (&mut handled.scoped, SIGNAL),
            Self::Audit => (&mut handled.scoped, 0),
        }
    }
}

/// As a profile has it, and since when there is it.
impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Truncation => "truncation",
            Self::Bind => "bind",
            Self::Connect => "connect",
            Self::Ioctl => "ioctl",
            Self::AbstractUnixSocket => "scope \"abstract-unix-socket\"",
            Self::Signal => "scope \"signal\"",
            Self::Audit => "audit",
        };
        let (version, linux) = self.since();
        write!(f, "{what} (ABI {version}, Linux {linux})")
    }
}

/// What a kernel does of what is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) handled: Handled,
    /// For `landlock_restrict_self`.
    pub(super) flags: u32,
    /// What it does not do.
    pub(super) lacks: Vec<Feature>,
}

impl Offer {
    /// What a kernel with this version of the interface does. Denials are logged where it can, unless `audit` is false;
    /// only what a profile says itself is asked for.
    pub(super) fn of(version: u32, mut handled: Handled, audit: Option<bool>) -> Self {
        let mut lacks = Vec::new();
        let is_newer = |feature: &Feature| feature.since().0 > version;
        for feature in Feature::RESTRICTIONS.into_iter().filter(is_newer) {
            let (rights, bits) = feature.of(&mut handled);
            if *rights & bits != 0 {
                *rights &= !bits;
                lacks.push(feature);
            }
        }
        // Without REFER, nothing can be renamed between directories at all. That is stricter, not weaker.
        if version < 2 {
            handled.files &= !REFER;
        }
        let is_logged = audit != Some(false);
        let flags = if is_logged && !is_newer(&Feature::Audit) { LOG_NEW_EXEC_ON } else { 0 };
        if audit == Some(true) && flags == 0 {
            lacks.push(Feature::Audit);
        }
        Self { handled, flags, lacks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::landlock::{ABI, Access, AccessFs, AccessNet, BitFlags, Scope};
    use Feature::{AbstractUnixSocket, Audit, Bind, Connect, Ioctl, Signal, Truncation};

    const EVERYTHING: Handled = Handled {
        files: WRITE | OF_FILES | 1 << 3, // READ_DIR
        ports: BIND_TCP | CONNECT_TCP,
        scoped: ABSTRACT_UNIX_SOCKET | SIGNAL,
    };

    const ABIS: [ABI; 7] = [ABI::V1, ABI::V2, ABI::V3, ABI::V4, ABI::V5, ABI::V6, ABI::V7];

    /// By the crate of Landlock's own project, which has them of linux/landlock.h.
    #[test]
    fn rights_are_those_of_the_kernel() {
        let bits = |rights: BitFlags<AccessFs>| rights.bits();
        assert_eq!(EXECUTE, bits(AccessFs::Execute.into()));
        assert_eq!(WRITE_FILE, bits(AccessFs::WriteFile.into()));
        assert_eq!(READ_FILE, bits(AccessFs::ReadFile.into()));
        assert_eq!(MAKE_DEVICE, bits(AccessFs::MakeChar | AccessFs::MakeBlock));
        assert_eq!(REFER, bits(AccessFs::Refer.into()));
        assert_eq!(TRUNCATE, bits(AccessFs::Truncate.into()));
        assert_eq!(IOCTL_DEV, bits(AccessFs::IoctlDev.into()));
        assert_eq!(OF_FILES, bits(AccessFs::from_file(ABI::V5)));
        assert_eq!(WRITE, bits(AccessFs::from_write(ABI::V3)));
        let others =
            AccessFs::WriteFile | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::Refer | AccessFs::Truncate;
        assert_eq!(CHANGE_DIRECTORY, bits(AccessFs::from_write(ABI::V3) & !others));
        assert_eq!((BIND_TCP, CONNECT_TCP), (AccessNet::BindTcp as u64, AccessNet::ConnectTcp as u64));
        assert_eq!((ABSTRACT_UNIX_SOCKET, SIGNAL), (Scope::AbstractUnixSocket as u64, Scope::Signal as u64));
    }

    #[test]
    fn a_kernel_handles_what_its_version_has() {
        for (version, abi) in (1..).zip(ABIS) {
            let offer = Offer::of(version, EVERYTHING, None);
            assert_eq!(offer.handled.files, AccessFs::from_all(abi).bits(), "{version}");
            assert_eq!(offer.handled.ports, AccessNet::from_all(abi).bits(), "{version}");
            assert_eq!(offer.handled.scoped, Scope::from_all(abi).bits(), "{version}");
            // What the crate hands to the kernel is the same, bit by bit: the kernel of a version takes it.
            assert_eq!(offer.flags, if version < 7 { 0 } else { 2 }, "{version}");
        }
        // What came later (sockets' names in version 9, UDP in 10) is not asked for.
        assert_eq!(Offer::of(99, EVERYTHING, None), Offer::of(7, EVERYTHING, None));
    }

    #[test]
    fn what_a_kernel_lacks_is_what_was_asked_for_and_came_later() {
        let lacks = |version, handled| Offer::of(version, handled, None).lacks;
        let all = [Truncation, Bind, Connect, Ioctl, AbstractUnixSocket, Signal];
        for (version, from) in [(0, 0), (1, 0), (2, 0), (3, 1), (4, 3), (5, 4), (6, 6), (7, 6), (8, 6)] {
            assert_eq!(lacks(version, EVERYTHING), all[from..], "{version}");
        }
        assert_eq!(lacks(1, Handled { files: EXECUTE | REFER, ..Handled::default() }), []);
        assert_eq!(lacks(1, Handled { files: WRITE, ..Handled::default() }), [Truncation]);
        assert_eq!(lacks(1, Handled { scoped: SIGNAL, ..Handled::default() }), [Signal]);
        let nothing = Offer::of(5, Handled { scoped: SIGNAL, ..Handled::default() }, None);
        assert_eq!(nothing.handled, Handled::default());
    }

    /// The log restricts nothing: its absence counts only where a profile asks for it.
    #[test]
    fn denials_are_logged_where_a_kernel_can_unless_a_profile_says_no() {
        for (version, audit, flags, lacks) in [
            (6, None, 0, &[][..]),
            (6, Some(true), 0, &[Audit]),
            (6, Some(false), 0, &[]),
            (7, None, 2, &[]),
            (7, Some(true), 2, &[]),
            (7, Some(false), 0, &[]),
        ] {
            let offer = Offer::of(version, Handled::default(), audit);
            assert_eq!((offer.flags, &*offer.lacks), (flags, lacks), "{version} {audit:?}");
        }
    }
}
