//! The apps of the real root filesystems: how each starts, what it answers, and what must be kept for it.

use super::container::{Container, Spec};
use super::{Ran, rootfs};

/// One app.
#[derive(Clone, Copy, Debug)]
pub struct App {
    /// Its tree in `tests/rootfs.sh`.
    pub tree: &'static str,
    /// Its command.
    pub command: &'static [&'static str],
    /// The programs of an allow-list.
    pub only: &'static str,
    /// What `[keep] paths` holds beside them: what the app loads at run time.
    pub paths: &'static str,
    /// Whether the program that runs it is itself of a class that `distroless` removes.
    pub interpreter: bool,
}

pub const NGINX: App = App {
    tree: "nginx",
    command: &["/usr/sbin/nginx", "-g", "daemon off;"],
    only: "nginx",
    paths: "",
    interpreter: false,
};

pub const HTTPD: App = App {
    tree: "httpd",
    command: &["/usr/local/apache2/bin/httpd", "-DFOREGROUND"],
    only: "/usr/local/apache2/bin/httpd",
    paths: "\"/usr/local/apache2/modules\"",
    interpreter: false,
};

pub const REDIS: App = App {
    tree: "redis",
    command: &["/usr/bin/redis-server", "--save", "", "--bind", "127.0.0.1"],
    only: "redis-server",
    paths: "",
    interpreter: false,
};

pub const PYTHON: App = App {
    tree: "python",
    command: &["/usr/bin/python3", "/srv/app.py"],
    only: "python3",
    paths: "\"/usr/lib/python3.11\"",
    interpreter: true,
};

impl App {
    /// Starts it in a container of its own tree, and waits until it answers.
    #[track_caller]
    pub fn start(&self) -> Container {
        self.start_in(&rootfs(self.tree))
    }

    /// The same from another tree.
    #[track_caller]
    pub fn start_in(&self, tree: &std::path::Path) -> Container {
        let container = Spec::new(tree, self.command).start();
        self.answers(&container);
        container
    }

    #[track_caller]
    pub fn answers(&self, container: &Container) {
        let (answer, expected) = match self.tree {
            "nginx" => (container.http(), "nginx answers"),
            "httpd" => (container.http(), "It works!"),
            "python" => (container.http(), "python answers with OpenSSL"),
            _ => (container.tcp(6379, "PING\r\n"), "+PONG"),
        };
        assert!(answer.contains(expected), "{self:?}: {answer:?}");
    }

    /// It still answers, and it starts again from what is left of its root.
    #[track_caller]
    pub fn lives_on(&self, container: &Container) {
        self.answers(container);
        assert!(container.is_running());
        drop(self.start_in(container.root()));
    }

    /// Puts `profile` into the container and hardens by it.
    #[track_caller]
    pub fn harden(container: &Container, profile: &str, name: &str) -> Ran {
        let path = format!("/var/tmp/{name}.toml");
        let text = format!("schema = 1\nname = \"{name}\"\n{profile}\n");
        std::fs::write(container.root().join(&path[1..]), text).unwrap();
        container.lithify(&["harden", "-p", &path])
    }
}
