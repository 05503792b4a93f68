//! Where lithify looks for programs that are named without a directory.

/// Where a command is looked for if `PATH` is not set, as in execvp(3).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where programs are looked for by name if no profile says otherwise.
pub const DEFAULT_SEARCH: [&str; 6] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
