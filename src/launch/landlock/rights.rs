//! Landlock's rights (linux/landlock.h), and which version of its interface has them. Decides only.

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
    /// `audit = true`.
    Audit,
}

impl Feature {
    const ALL: [Self; 7] =
        [Self::Truncation, Self::Bind, Self::Connect, Self::Ioctl, Self::AbstractUnixSocket, Self::Signal, Self::Audit];

    /// The version of the interface that brought it.
    pub fn version(self) -> u32 {
        match self {
            Self::Truncation => 3,
            Self::Bind | Self::Connect => 4,
            Self::Ioctl => 5,
            Self::AbstractUnixSocket | Self::Signal => 6,
            Self::Audit => 7,
        }
    }

    /// As a profile has it, and since when there is it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Truncation => "truncation (ABI 3, Linux 6.2)",
            Self::Bind => "bind (ABI 4, Linux 6.7)",
            Self::Connect => "connect (ABI 4, Linux 6.7)",
            Self::Ioctl => "ioctl (ABI 5, Linux 6.10)",
            Self::AbstractUnixSocket => "scope \"abstract-unix-socket\" (ABI 6, Linux 6.12)",
            Self::Signal => "scope \"signal\" (ABI 6, Linux 6.12)",
            Self::Audit => "audit (ABI 7, Linux 6.15)",
        }
    }
}

/// What is asked of Landlock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) handled: Handled,
    /// What a profile says of the log.
    pub(super) audit: Option<bool>,
}

impl Wanted {
    /// What is asked for and a kernel with this version of the interface does not do.
    pub(super) fn lacking(mut self, version: u32) -> impl Iterator<Item = Feature> {
        let is_newer = move |feature: &Feature| feature.version() > version;
        Feature::ALL.into_iter().filter(is_newer).filter(move |feature| match feature {
            Feature::Audit => self.audit == Some(true),
            other => self.of(*other).is_some_and(|(rights, bits)| *rights & bits != 0),
        })
    }

    /// What such a kernel can be asked to handle, and the flags for `landlock_restrict_self`.
    pub(super) fn on(mut self, version: u32) -> (Handled, u32) {
        for feature in Feature::ALL.into_iter().filter(|feature| feature.version() > version) {
            if let Some((rights, bits)) = self.of(feature) {
                *rights &= !bits;
            }
        }
        // Without REFER, nothing can be renamed between directories at all. That is stricter, not weaker.
        if version < 2 {
            self.handled.files &= !REFER;
        }
        let is_logged = self.audit != Some(false) && version >= Feature::Audit.version();
        (self.handled, if is_logged { LOG_NEW_EXEC_ON } else { 0 })
    }

    /// The field that handles a feature, and the feature's bits in it.
    fn of(&mut self, feature: Feature) -> Option<(&mut u64, u64)> {
        let Handled { files, ports, scoped } = &mut self.handled;
        Some(match feature {
            Feature::Truncation => (files, TRUNCATE),
            Feature::Ioctl => (files, IOCTL_DEV),
            Feature::Bind => (ports, BIND_TCP),
            Feature::Connect => (ports, CONNECT_TCP),
            Feature::AbstractUnixSocket => (scoped, ABSTRACT_UNIX_SOCKET),
            Feature::Signal => (scoped, SIGNAL),
            Feature::Audit => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::landlock::{ABI, Access, AccessFs, AccessNet, BitFlags, Scope};
    use Feature::{AbstractUnixSocket, Audit, Bind, Connect, Ioctl, Signal, Truncation};

    const EVERYTHING: Wanted = Wanted {
        handled: Handled {
            files: WRITE | OF_FILES | 1 << 3, // READ_DIR
            ports: BIND_TCP | CONNECT_TCP,
            scoped: ABSTRACT_UNIX_SOCKET | SIGNAL,
        },
        audit: None,
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
            let (handled, flags) = EVERYTHING.on(version);
            assert_eq!(handled.files, AccessFs::from_all(abi).bits(), "{version}");
            assert_eq!(handled.ports, AccessNet::from_all(abi).bits(), "{version}");
            assert_eq!(handled.scoped, Scope::from_all(abi).bits(), "{version}");
            assert_eq!(flags, if version < 7 { 0 } else { 2 }, "{version}");
        }
        // What came later (sockets' names in version 9, UDP in 10) is not asked for.
        assert_eq!(EVERYTHING.on(99), EVERYTHING.on(7));
    }

    #[test]
    fn what_a_kernel_lacks_is_what_was_asked_for_and_came_later() {
        let lacks = |version, wanted: Wanted| wanted.lacking(version).collect::<Vec<_>>();
        let of = |handled| Wanted { handled, audit: None };
        let all = [Truncation, Bind, Connect, Ioctl, AbstractUnixSocket, Signal];
        for (version, from) in [(0, 0), (1, 0), (2, 0), (3, 1), (4, 3), (5, 4), (6, 6), (7, 6), (8, 6)] {
            assert_eq!(lacks(version, EVERYTHING), all[from..], "{version}");
        }
        assert_eq!(lacks(1, of(Handled { files: EXECUTE | REFER, ..Handled::default() })), []);
        assert_eq!(lacks(1, of(Handled { files: WRITE, ..Handled::default() })), [Truncation]);
        assert_eq!(lacks(1, of(Handled { scoped: SIGNAL, ..Handled::default() })), [Signal]);
        assert_eq!(of(Handled { scoped: SIGNAL, ..Handled::default() }).on(5).0, Handled::default());
        for feature in Feature::ALL {
            assert!(feature.name().contains(&format!("(ABI {}, Linux 6.", feature.version())));
        }
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
            let wanted = Wanted { handled: Handled::default(), audit };
            let lacking: Vec<Feature> = wanted.lacking(version).collect();
            assert_eq!((wanted.on(version).1, &*lacking), (flags, lacks), "{version} {audit:?}");
        }
    }
}
