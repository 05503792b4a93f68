//! The built-in profiles: the files `profiles/*.toml`, embedded.

/// Name and text of every built-in profile, in the order of `profile list`.
pub const BUILTIN: [(&str, &str); 17] = [
    ("shells", include_str!("../../profiles/shells.toml")),
    ("coreutils", include_str!("../../profiles/coreutils.toml")),
    ("network-tools", include_str!("../../profiles/network-tools.toml")),
    ("package-managers", include_str!("../../profiles/package-managers.toml")),
    ("interpreters", include_str!("../../profiles/interpreters.toml")),
    ("compilers", include_str!("../../profiles/compilers.toml")),
    ("setuid", include_str!("../../profiles/setuid.toml")),
    ("leftovers", include_str!("../../profiles/leftovers.toml")),
    ("distroless", include_str!("../../profiles/distroless.toml")),
    ("restricted", include_str!("../../profiles/restricted.toml")),
    ("pss-baseline", include_str!("../../profiles/pss-baseline.toml")),
    ("pss-restricted", include_str!("../../profiles/pss-restricted.toml")),
    ("cis-docker", include_str!("../../profiles/cis-docker.toml")),
    ("nsa-hardening", include_str!("../../profiles/nsa-hardening.toml")),
    ("nginx", include_str!("../../profiles/nginx.toml")),
    ("httpd", include_str!("../../profiles/httpd.toml")),
    ("redis", include_str!("../../profiles/redis.toml")),
];

/// Name and text of the built-in profile `name`; `None` if there is none.
pub fn lookup(name: &str) -> Option<(&'static str, &'static str)> {
    BUILTIN.into_iter().find(|(known, _)| *known == name)
}

/// The names of all built-in profiles.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.into_iter().map(|(name, _)| name)
}
