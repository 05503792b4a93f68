//! The apps: from which tree, started by which command, and what is asked of them.

use std::path::PathBuf;

/// One app.
#[derive(Debug)]
pub struct App {
    pub name: &'static str,
    pub tree: Tree,
    /// The command of its container, as an image names it.
    pub command: &'static [&'static str],
    pub environment: &'static [&'static str],
    pub port: u16,
    pub request: Request,
    /// What its answer holds.
    pub answer: &'static [u8],
    /// What it runs in a shell at each of its starts, of which neither its command nor a process says anything.
    pub starts: Option<&'static str>,
    /// Whether it takes every child that it reaps for one of its own, and so ends as a container's first process.
    pub needs_init: bool,
}

/// Where its root filesystem comes from.
#[derive(Debug)]
pub enum Tree {
    /// tests/rootfs.sh
    Rootfs,
    /// tests/apps.sh, in a layer of this name
    Layer(&'static str),
    /// By this, when it is needed: a tree, and a layer over it or the same tree again.
    Made(fn() -> (PathBuf, PathBuf)),
}

/// What is sent to an app.
#[derive(Debug)]
pub enum Request {
    /// `GET` of this path.
    Http(&'static str),
    /// These bytes, over TCP.
    Tcp(&'static [u8]),
}

use Request::{Http, Tcp};
use Tree::{Layer, Rootfs};

/// `app.test`, an A record in class IN, by DNS over TCP: of a program that answers for that name itself.
const DNS_APP: &[u8] = b"\0\x1a\0\x01\x01\0\0\x01\0\0\0\0\0\0\x03app\x04test\0\0\x01\0\x01";
/// The same of `localhost`.
const DNS_LOCALHOST: &[u8] = b"\0\x1b\0\x01\x01\0\0\x01\0\0\0\0\0\0\x09localhost\0\0\x01\0\x01";
/// MQTT 3.1.1: CONNECT of the client `t`, which is answered by CONNACK.
const MQTT_CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01t";
/// FastCGI: a responder's request number 1, with the parameters of a GET of /var/www/html/index.php, and no input.
const FASTCGI: &[u8] = b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0\
    \x01\x04\0\x01\0\x3b\0\0\x0e\x03REQUEST_METHODGET\x0f\x17SCRIPT_FILENAME/var/www/html/index.php\
    \x01\x04\0\x01\0\0\0\0\x01\x05\0\x01\0\0\0\0";
/// PostgreSQL 3.0: the start of a session of the user `postgres`, and `SELECT 6*7`.
const POSTGRES: &[u8] = b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0Q\0\0\0\x0fSELECT 6*7\0";

/// Where an app is like most others.
pub const APP: App = App {
    name: "",
    tree: Rootfs,
    command: &[],
    environment: &[],
    port: 8080,
    request: Http("/"),
    answer: b" answers",
    starts: None,
    needs_init: false,
};

/// What /usr/sbin/apachectl sets.
const APACHE: &[&str] = &[
    "APACHE_RUN_USER=www-data",
    "APACHE_RUN_GROUP=www-data",
    "APACHE_PID_FILE=/run/apache2/apache2.pid",
    "APACHE_RUN_DIR=/run/apache2",
    "APACHE_LOCK_DIR=/run/lock/apache2",
    "APACHE_LOG_DIR=/var/log/apache2",
];

/// All of them.
pub const APPS: &[App] = &[
    App { name: "nginx", command: &["nginx", "-g", "daemon off;"], ..APP },
    App {
        name: "redis",
        command: &["redis-server", "--save", ""],
        port: 6379,
        request: Tcp(b"PING\r\n"),
        answer: b"+PONG",
        ..APP
    },
    App { name: "python", command: &["python3", "/srv/app.py"], ..APP },
    App {
        name: "memcached",
        tree: Layer("memcached"),
        command: &["memcached", "-u", "memcache"],
        port: 11211,
        request: Tcp(b"version\r\n"),
        answer: b"VERSION 1.6",
        ..APP
    },
    App {
        name: "haproxy",
        tree: Layer("haproxy"),
        command: &["haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"],
        ..APP
    },
    App {
        name: "lighttpd",
        tree: Layer("lighttpd"),
        command: &["lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf"],
        starts: Some("what `include_shell` names in its configuration"),
        port: 80,
        ..APP
    },
    App {
        name: "dnsmasq",
        tree: Layer("dnsmasq"),
        command: &["dnsmasq", "--keep-in-foreground", "--address=/app.test/192.0.2.7"],
        port: 53,
        request: Tcp(DNS_APP),
        answer: &[192, 0, 2, 7],
        ..APP
    },
    App {
        name: "mosquitto",
        tree: Layer("mosquitto"),
        command: &["mosquitto", "-c", "/etc/mosquitto/mosquitto.conf"],
        port: 1883,
        request: Tcp(MQTT_CONNECT),
        answer: b"\x20\x02\0\0",
        ..APP
    },
    App {
        name: "squid",
        tree: Layer("squid"),
        command: &["squid", "-f", "/etc/squid/squid.conf", "-NYC"],
        port: 3128,
        request: Http("/squid-internal-mgr/info"),
        answer: b"Squid Object Cache",
        ..APP
    },
    App {
        name: "bind9",
        tree: Layer("bind9"),
        command: &["named", "-f", "-u", "bind"],
        port: 53,
        request: Tcp(DNS_LOCALHOST),
        answer: &[127, 0, 0, 1],
        ..APP
    },
    App {
        name: "vsftpd",
        tree: Layer("vsftpd"),
        command: &["vsftpd", "/etc/vsftpd.conf"],
        port: 21,
        request: Tcp(b"USER anonymous\r\nPASS x\r\n"),
        answer: b"230 Login successful",
        needs_init: true,
        ..APP
    },
    App {
        name: "sshd",
        tree: Layer("sshd"),
        command: &["/usr/sbin/sshd", "-D", "-e"],
        port: 22,
        // The keys that are offered come from a process of its own, for this session.
        request: Tcp(b"SSH-2.0-test\r\n"),
        answer: b"curve25519-sha256",
        ..APP
    },
    App {
        name: "gunicorn",
        tree: Layer("gunicorn"),
        command: &["gunicorn", "--bind", "0.0.0.0:8080", "--chdir", "/srv", "app:app"],
        ..APP
    },
    App {
        name: "apache2",
        tree: Layer("apache2"),
        command: &["apache2", "-D", "FOREGROUND"],
        environment: APACHE,
        port: 80,
        ..APP
    },
    App { name: "apachectl", tree: Layer("apache2"), command: &["apachectl", "-D", "FOREGROUND"], port: 80, ..APP },
    App {
        name: "mod_php",
        tree: Layer("mod_php"),
        command: &["apache2", "-D", "FOREGROUND"],
        environment: APACHE,
        port: 80,
        ..APP
    },
    App {
        name: "php-fpm",
        tree: Layer("php-fpm"),
        command: &["php-fpm8.2", "--nodaemonize"],
        port: 9000,
        request: Tcp(FASTCGI),
        answer: b"PHP answers",
        ..APP
    },
    App {
        name: "postgres",
        tree: Layer("postgres"),
        command: &[
            "gosu",
            "postgres",
            "/usr/lib/postgresql/15/bin/postgres",
            "-D",
            "/var/lib/postgresql/15/main",
            "-c",
            "config_file=/etc/postgresql/15/main/postgresql.conf",
        ],
        port: 5432,
        request: Tcp(POSTGRES),
        answer: b"42",
        ..APP
    },
    App {
        name: "mariadb",
        tree: Layer("mariadb"),
        command: &["mariadbd", "--user=mysql"],
        port: 3306,
        request: Tcp(b""),
        answer: b"MariaDB",
        ..APP
    },
    App {
        name: "rabbitmq",
        tree: Layer("rabbitmq"),
        command: &["gosu", "rabbitmq", "/usr/lib/rabbitmq/bin/rabbitmq-server"],
        starts: Some("`rabbitmq-env.conf`"),
        port: 5672,
        request: Tcp(b"AMQP\0\0\x09\x01"),
        answer: b"RabbitMQ",
        ..APP
    },
    App {
        name: "tomcat",
        tree: Layer("tomcat"),
        command: &["/usr/share/tomcat10/bin/catalina.sh", "run"],
        environment: &["CATALINA_HOME=/usr/share/tomcat10", "CATALINA_BASE=/var/lib/tomcat10"],
        answer: b"It works",
        ..APP
    },
    App {
        name: "postfix",
        tree: Layer("postfix"),
        command: &["postfix", "start-fg"],
        starts: Some("`postfix-script`"),
        port: 25,
        request: Tcp(b"EHLO client\r\n"),
        answer: b"ENHANCEDSTATUSCODES",
        ..APP
    },
    App {
        name: "puma",
        tree: Layer("puma"),
        command: &["puma", "--bind", "tcp://0.0.0.0:8080", "/srv/config.ru"],
        ..APP
    },
    App { name: "node", tree: Layer("node"), command: &["node", "/srv/app.js"], ..APP },
    App {
        name: "varnish",
        tree: Layer("varnish"),
        command: &["varnishd", "-F", "-f", "/etc/varnish/default.vcl", "-a", ":8080"],
        starts: Some("`gcc` on its configuration"),
        ..APP
    },
];

impl App {
    /// What starts it and is gone when it is up: nothing that runs then tells of it.
    pub fn starts_by(&self) -> Option<&'static str> {
        if self.starts.is_some() || self.is_script() {
            Some("a shell")
        } else {
            (self.command[0] == "gosu").then_some("`gosu`")
        }
    }
}

pub fn app(name: &str) -> &'static App {
    APPS.iter().find(|app| app.name == name).unwrap()
}
