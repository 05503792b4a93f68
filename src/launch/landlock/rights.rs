//! Landlock's rights (linux/landlock.h), and which version of its interface has them. Decides only.
//!
//! All that a ruleset can restrict is one number: rights to files as the kernel has them, those to ports from bit 32 on,
//! scopes from bit 40 on.

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
pub(super) const BIND_TCP: u64 = 1 << 32;
/// Connecting a TCP socket.
pub(super) const CONNECT_TCP: u64 = 1 << 33;

/// Connecting to abstract Unix sockets of processes outside of the domain.
pub(super) const ABSTRACT_UNIX_SOCKET: u64 = 1 << 40;
/// Sending signals to processes outside of the domain.
pub(super) const SIGNAL: u64 = 1 << 41;

/// No right: a profile asks for the log.
const AUDIT: u64 = 1 << 63;

/// Denials are logged beyond the next execve(2), which starts the app. The kernel does not log those by default.
const LOG_NEW_EXEC_ON: u32 = 1 << 1;

/// The rights, as the kernel takes them.
pub(super) fn handled(rights: u64) -> Handled {
    Handled { files: rights & 0xffff_ffff, ports: of_ports(rights), scoped: rights >> 40 & 0xff }
}

/// The rights to ports, as the kernel takes them.
pub(super) fn of_ports(rights: u64) -> u64 {
    rights >> 32 & 0xff
}

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

/// The features, the version of the interface that brought each, and its rights.
static FEATURES: [(Feature, u32, u64); 7] = [
    (Feature::Truncation, 3, TRUNCATE),
    (Feature::Bind, 4, BIND_TCP),
    (Feature::Connect, 4, CONNECT_TCP),
    (Feature::Ioctl, 5, IOCTL_DEV),
    (Feature::AbstractUnixSocket, 6, ABSTRACT_UNIX_SOCKET),
    (Feature::Signal, 6, SIGNAL),
    (Feature::Audit, VERSION_OF_AUDIT, AUDIT),
];

const VERSION_OF_AUDIT: u32 = 7;

impl Feature {
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

/// What is asked of a kernel with this version of the interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) version: u32,
    rights: u64,
}

impl Request {
    /// These rights, and what a profile says of the log.
    pub(super) fn new(version: u32, rights: u64, audit: Option<bool>) -> Self {
        Self { version, rights: if audit == Some(true) { rights | AUDIT } else { rights } }
    }

    /// What the kernel does not know yet, among the rights.
    fn unknown(self) -> u64 {
        let newer = FEATURES.iter().filter(|(_, since, _)| *since > self.version);
        newer.fold(0, |all, (.., rights)| all | rights) & self.rights
    }

    /// Whether the kernel does everything.
    pub(super) fn is_complete(self) -> bool {
        self.unknown() == 0
    }

    /// What the kernel does not do.
    pub(super) fn lacks(self) -> impl Iterator<Item = Feature> {
        let unknown = self.unknown();
        FEATURES.iter().filter(move |(.., rights)| rights & unknown != 0).map(|(feature, ..)| *feature)
    }

    /// The rights that the kernel knows.
    pub(super) fn known(self) -> u64 {
        // Without REFER (version 2), nothing can be renamed between directories at all. That is stricter, not weaker.
        let refer = if self.version < 2 { REFER } else { 0 };
        self.rights & !(self.unknown() | refer | AUDIT)
    }

    /// The flags for `landlock_restrict_self`: denials are logged where the kernel can, unless `audit` is false.
    pub(super) fn flags(self, audit: Option<bool>) -> u32 {
        if audit != Some(false) && self.version >= VERSION_OF_AUDIT { LOG_NEW_EXEC_ON } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::landlock::{ABI, Access, AccessFs, AccessNet, BitFlags, Scope};
    use Feature::{AbstractUnixSocket, Audit, Bind, Connect, Ioctl, Signal, Truncation};

    const READ_DIR: u64 = 1 << 3;
    const EVERYTHING: u64 = WRITE | OF_FILES | READ_DIR | BIND_TCP | CONNECT_TCP | ABSTRACT_UNIX_SOCKET | SIGNAL;

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
        let none = Handled::default();
        assert_eq!(handled(BIND_TCP), Handled { ports: AccessNet::BindTcp as u64, ..none });
        assert_eq!(handled(CONNECT_TCP), Handled { ports: AccessNet::ConnectTcp as u64, ..none });
        assert_eq!(handled(ABSTRACT_UNIX_SOCKET), Handled { scoped: Scope::AbstractUnixSocket as u64, ..none });
        assert_eq!(handled(SIGNAL), Handled { scoped: Scope::Signal as u64, ..none });
    }

    #[test]
    fn a_kernel_handles_what_its_version_has() {
        for (version, abi) in (1..).zip(ABIS) {
            let known = handled(Request::new(version, EVERYTHING, None).known());
            assert_eq!(known.files, AccessFs::from_all(abi).bits(), "{version}");
            assert_eq!(known.ports, AccessNet::from_all(abi).bits(), "{version}");
            assert_eq!(known.scoped, Scope::from_all(abi).bits(), "{version}");
        }
        // What came later (sockets' names in version 9, UDP in 10) is not asked for.
        assert_eq!(Request::new(99, EVERYTHING, None).known(), EVERYTHING);
    }

    #[test]
    fn what_a_kernel_lacks_is_what_was_asked_for_and_came_later() {
        let lacks = |version, rights| {
            let request = Request::new(version, rights, None);
            let lacks: Vec<Feature> = request.lacks().collect();
            assert_eq!(request.is_complete(), lacks.is_empty());
            lacks
        };
        let all = [Truncation, Bind, Connect, Ioctl, AbstractUnixSocket, Signal];
        for (version, from) in [(0, 0), (1, 0), (2, 0), (3, 1), (4, 3), (5, 4), (6, 6), (7, 6), (8, 6)] {
            assert_eq!(lacks(version, EVERYTHING), all[from..], "{version}");
        }
        assert_eq!(lacks(1, EXECUTE | REFER), []);
        assert_eq!(lacks(1, WRITE), [Truncation]);
        assert_eq!(lacks(1, SIGNAL), [Signal]);
        assert_eq!(Request::new(5, SIGNAL, Some(true)).known(), 0);
        for (feature, version, _) in FEATURES {
            assert!(feature.name().contains(&format!("(ABI {version}, Linux 6.")));
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
            let request = Request::new(version, EXECUTE, audit);
            let lacking: Vec<Feature> = request.lacks().collect();
            assert_eq!((request.flags(audit), &*lacking), (flags, lacks), "{version} {audit:?}");
            assert_eq!(request.known(), EXECUTE);
        }
    }
}
