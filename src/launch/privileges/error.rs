//! Why privileges could not be given up.

use nix::errno::Errno;

use super::account::UnknownAccount;

/// What a process may be restricted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// The user ids.
    User,
    /// The group ids.
    Group,
    /// The supplementary groups.
    Groups,
    /// The capability sets.
    Capabilities,
    /// Whether a program can bring more privileges.
    NewPrivileges,
}

/// Texts about one privilege.
struct Words {
    /// What is compared.
    is: &'static str,
    /// The system call that changes it.
    call: &'static str,
    /// The fields of `/proc/self/status`.
    fields: &'static str,
}

impl Privilege {
    fn words(self) -> &'static Words {
        match self {
            Self::User => &Words { is: "the user ids are", call: "setresuid(2)", fields: "the ids" },
            Self::Group => &Words { is: "the group ids are", call: "setresgid(2)", fields: "the ids" },
            Self::Groups => &Words { is: "the supplementary groups are", call: "setgroups(2)", fields: "the groups" },
            Self::Capabilities => {
                &Words { is: "the capabilities are", call: "prctl(PR_CAPBSET_DROP)", fields: "the capability sets" }
            }
            Self::NewPrivileges => {
                &Words { is: "no_new_privs is", call: "prctl(PR_SET_NO_NEW_PRIVS)", fields: "NoNewPrivs" }
            }
        }
    }
}

/// Why the privileges could not be changed to what is asked for.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// A user or group that the root does not have.
    #[error(transparent)]
    Unknown(#[from] UnknownAccount),
    /// The profile asks for a user other than root, but nothing says which. Holds the profile's name.
    #[error(
        "[verify.process] user = \"non-root\" (profile {0}), and this container runs as root: the profile does not say which user the app should become"
    )]
    NonRoot(String),
    /// `/proc/self/status` cannot be read, or lacks the fields of one privilege.
    #[error("what this process may do cannot be read back from /proc/self/status ({}); mount proc on /proc", .0.map_or("it cannot be read", |of| of.words().fields))]
    Unverified(Option<Privilege>),
    /// The result differs from what is asked for.
    #[error("{} {seen}, not {wanted}{}", .of.words().is, .failed.map(|errno| format!(": {}: {}", .of.words().call, errno.desc())).unwrap_or_default())]
    Mismatch {
        /// What differs.
        of: Privilege,
        /// What it is.
        seen: String,
        /// What it should be.
        wanted: String,
        /// Why the system call that changes it failed, if it did.
        failed: Option<Errno>,
    },
}
