//! Programs that look like the app of an image in which nothing runs. They are named to people and decide nothing.
//! Reads only.

use std::collections::HashSet;

use crate::recognise::catalogue::Class;
use crate::recognise::command_line::wrappers::{class, is_wrapper};
use crate::recognise::elf::Elf;
use crate::root::glob::matches;
use crate::root::pattern::PathPattern;
use crate::root::{Canonical, InRoot, Kind, Root};

/// How many programs are named.
const NAMED: usize = 8;

/// Where entrypoint scripts of images lie.
const SCRIPTS: [&str; 5] = [
    "/*entrypoint*",
    "/{bin,app,srv}/*entrypoint*",
    "/usr/bin/*entrypoint*",
    "/usr/local/bin/*{entrypoint,foreground}*",
    "/opt/bitnami/scripts/*/entrypoint.sh",
];

/// Servers, and interpreters that run apps.
const SERVERS: [&str; 9] = [
    "/usr/{sbin,bin}/{nginx,apache2,httpd,lighttpd,haproxy,squid,varnishd,sshd,vsftpd,named,dnsmasq,mosquitto,postfix}",
    "/usr/{sbin,bin}/{mariadbd,mysqld,php-fpm*,redis-server,valkey-server,memcached,gunicorn,puma,apachectl}",
    "/usr/local/{sbin,bin}/{nginx,httpd,haproxy,redis-server,valkey-server,memcached,mysqld,postgres,php-fpm,gunicorn}",
    "/usr/local/{apache2,tomcat}/bin/{httpd,catalina.sh}",
    "/usr/lib/postgresql/*/bin/postgres",
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/share/tomcat*/bin/catalina.sh",
    "/usr/local/bin/{node,python3,ruby,php}",
    "/usr/bin/{node,python3,ruby,php,java}",
];

/// Where images put their own programs.
const OWN: [&str; 4] = ["/*", "/{app,srv}/*", "/usr/local/{bin,sbin}/*", "/opt/*/bin/*"];

/// Debian's package lists. Each is written when its package is installed.
const PACKAGES: &str = "/var/lib/dpkg/info/*.list";

/// At most eight paths inside the root that look like apps, the likeliest first.
pub fn apps(root: &Root) -> Vec<Vec<u8>> {
    // The program of lithify is never named.
    let files = crate::linux::proc::own_program().into_iter().collect();
    let mut found = Found { root, files, paths: Vec::new() };
    found.matching(&SCRIPTS);
    found.matching(&SERVERS);
    found.newest_package();
    found.matching(&OWN);
    found.paths
}

/// Whether the file at `path`, inside the root, can be the app of a container: a program that is not a tool, neither by
/// its own name nor by the name of the file that it leads to.
pub fn is_app(root: &Root, path: &[u8]) -> bool {
    let Ok(place) = root.walk(path, true) else { return false };
    let tool = |name: &[u8]| {
        let name = String::from_utf8_lossy(name);
        is_wrapper(&name) || !matches!(class(&name), None | Some(Class::Interpreter | Class::Network))
    };
    is_program(root, path) && !tool(path) && !tool(place.path.name())
}

/// Whether the file at `path`, inside the root, has an executable bit and is not a shared library.
pub fn is_program(root: &Root, path: &[u8]) -> bool {
    let Ok(place) = root.walk(path, true) else { return false };
    place.stat.kind == Kind::File
        && place.stat.mode & 0o111 != 0
        && !matches!(root.classify(&place.path), Ok(Some(Elf::Library { .. })))
}

struct Found<'a> {
    root: &'a Root,
    /// Files that are named already, or that are never named.
    files: HashSet<crate::root::Identity>,
    paths: Vec<Vec<u8>>,
}

impl Found<'_> {
    fn matching(&mut self, patterns: &[&str]) {
        for path in patterns.iter().flat_map(|pattern| expand(self.root, pattern)) {
            self.add(path);
        }
    }

    fn add(&mut self, path: Vec<u8>) {
        let Ok(stat) = self.root.resolve(&path) else { return };
        if self.paths.len() < NAMED && is_app(self.root, &path) && self.files.insert(stat.id) {
            self.paths.push(path);
        }
    }

    /// The programs of the package that was installed last.
    fn newest_package(&mut self) {
        let time = |path: &Vec<u8>| {
            let (file, _) = self.root.handle(InRoot(path)).ok()?;
            Some(nix::sys::stat::fstat(&file).ok()?.st_mtime)
        };
        let newest = expand(self.root, PACKAGES).into_iter().max_by_key(time);
        let list = newest.and_then(|path| self.root.read(&path, 1 << 20).ok()).unwrap_or_default();
        for path in list.split(|&byte| byte == b'\n') {
            if path.windows(4).any(|part| part == b"bin/") {
                self.add(path.to_vec());
            }
        }
    }
}

fn expand(root: &Root, pattern: &str) -> Vec<Vec<u8>> {
    let Ok(pattern) = PathPattern::parse(pattern) else { return Vec::new() };
    matches(root, &pattern).map(|(paths, _)| paths.into_iter().map(Canonical::into_bytes).collect()).unwrap_or_default()
}
