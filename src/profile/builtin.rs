//! The built-in profiles: the files `profiles/*.toml`, embedded without their comments (`build.rs`).

macro_rules! profile {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("OUT_DIR"), "/", $name, ".toml")))
    };
}

/// Name and text of every built-in profile, in the order of `profile list`.
pub const BUILTIN: [(&str, &str); 17] = [
    profile!("shells"),
    profile!("coreutils"),
    profile!("network-tools"),
    profile!("package-managers"),
    profile!("interpreters"),
    profile!("compilers"),
    profile!("setuid"),
    profile!("leftovers"),
    profile!("distroless"),
    profile!("restricted"),
    profile!("pss-baseline"),
    profile!("pss-restricted"),
    profile!("cis-docker"),
    profile!("nsa-hardening"),
    profile!("nginx"),
    profile!("httpd"),
    profile!("redis"),
];

/// Name and text of the built-in profile `name`; `None` if there is none.
pub fn lookup(name: &str) -> Option<(&'static str, &'static str)> {
    BUILTIN.into_iter().find(|(known, _)| *known == name)
}

/// The names of all built-in profiles.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.into_iter().map(|(name, _)| name)
}
