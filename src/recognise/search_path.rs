//! Where programs lie that are named without a directory.

/// Where a command is looked for when `PATH` is not set, as execvp(3) does.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where programs are looked for by name when no profile says otherwise.
pub const DEFAULT_SEARCH: [&str; 6] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
