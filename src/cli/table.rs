//! What can be written on the command line, as a table: a generated function for each flag would take ten times the
//! bytes of its row.

/// One subcommand.
pub(super) struct Subcommand {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) arguments: &'static [Argument],
    pub(super) subcommands: &'static [Subcommand],
}

/// One flag or, where `long` is empty, one value by its place.
pub(super) struct Argument {
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    /// The environment variable that stands in for it; empty for none.
    pub(super) env: &'static str,
    /// What its value is called in the help; its name where there is no `long`.
    pub(super) value: &'static str,
    pub(super) kind: Kind,
    /// Used where it is not given; empty for none.
    pub(super) default: &'static str,
    pub(super) required: bool,
    /// Also taken by every subcommand.
    pub(super) global: bool,
    pub(super) help: &'static str,
}

/// What a value must be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// There is none.
    Flag,
    Text,
    /// Can be repeated.
    Texts,
    Path,
    /// Can be repeated.
    Paths,
    Seconds,
    /// One of these, with what each means.
    Choice(&'static [(&'static str, &'static str)]),
    /// All that follows `--`.
    Rest,
}

const NONE: Argument = Argument {
    long: "",
    short: None,
    env: "",
    value: "",
    kind: Kind::Text,
    default: "",
    required: false,
    global: false,
    help: "",
};

const fn flag(long: &'static str, env: &'static str, help: &'static str) -> Argument {
    Argument { long, env, kind: Kind::Flag, help, ..NONE }
}

const fn path(long: &'static str, env: &'static str, value: &'static str, help: &'static str) -> Argument {
    Argument { long, env, value, kind: Kind::Path, help, ..NONE }
}

const fn seconds(long: &'static str, env: &'static str, default: &'static str, help: &'static str) -> Argument {
    Argument { long, env, value: "SECONDS", kind: Kind::Seconds, default, help, ..NONE }
}

/// A value by its place.
const fn place(value: &'static str, kind: Kind, help: &'static str) -> Argument {
    Argument { value, kind, required: true, help, ..NONE }
}

const ROOT: Argument = Argument {
    default: "/",
    ..path("root", "LITHIFY_ROOT", "DIR", "Root directory of the target, such as a mounted volume or /proc/PID/root")
};
const PROFILE: Argument = Argument {
    long: "profile",
    short: Some('p'),
    value: "NAME|FILE",
    kind: Kind::Texts,
    help: "Built-in profile, or a file when it holds a `/` or ends in .toml; can be repeated",
    ..NONE
};
const REMOVE: Argument = Argument {
    long: "remove",
    value: "NAME|PATH",
    kind: Kind::Texts,
    help: "Also remove this program, or the files that this absolute pattern matches; can be repeated",
    ..NONE
};
const APP: Argument = Argument {
    long: "app",
    value: "COMMAND",
    kind: Kind::Texts,
    help: "What the container will start, one command with its arguments, such as \"nginx -g 'daemon off;'\": nothing that it \
           needs to start goes. `none` where nothing is started; can be repeated",
    ..NONE
};
const ALLOW_HOST: Argument = flag("allow-host", "", "Go on even if the target is, or may be, the root of a machine");

/// Flags for every command.
pub(super) const OUTPUT: &[Argument] = &[
    Argument {
        long: "format",
        env: "LITHIFY_FORMAT",
        value: "FORMAT",
        kind: Kind::Choice(&[("text", "For people"), ("json", "For machines")]),
        default: "text",
        global: true,
        help: "Report as text for people or JSON for machines",
        ..NONE
    },
    Argument {
        short: Some('v'),
        global: true,
        ..flag("verbose", "LITHIFY_VERBOSE", "Say each step and each check that holds")
    },
    Argument { short: Some('q'), global: true, ..flag("quiet", "LITHIFY_QUIET", "Say nothing but problems") },
    Argument {
        global: true,
        ..path(
            "log",
            "LITHIFY_LOG",
            "FILE",
            "Also append the text report to FILE, such as /proc/1/fd/2 for the container's log",
        )
    },
];

/// Seconds of `--wait-timeout`, where it is not given.
pub const WAIT_TIMEOUT: &str = "120";

const HARDEN: &[Argument] = &[
    ROOT,
    PROFILE,
    REMOVE,
    APP,
    flag(
        "wait-for-app",
        "LITHIFY_WAIT_FOR_APP",
        "For a startupProbe: exit 75 as long as the app runs anything that would go, such as its entrypoint's shell",
    ),
    Argument {
        long: "wait-for",
        value: "tcp:HOST:PORT|http:URL|file:PATH",
        kind: Kind::Texts,
        help: "The same, and until this answers; can be repeated",
        ..NONE
    },
    seconds(
        "wait-timeout",
        "LITHIFY_WAIT_TIMEOUT",
        WAIT_TIMEOUT,
        "How long to wait, from the start of the container's first process",
    ),
    seconds(
        "deadline",
        "LITHIFY_DEADLINE",
        "",
        "Stop at a safe point after so long and exit 75; 8 when waiting for the app, 0 for never",
    ),
    flag("dry-run", "LITHIFY_DRY_RUN", "Print what would be done, and do nothing"),
    ALLOW_HOST,
];

const SCAN: &[Argument] = &[
    ROOT,
    Argument {
        long: "fail-on",
        value: "CLASS,...",
        kind: Kind::Texts,
        help: "Exit 1 if anything of these classes is found; `all` for every class",
        ..NONE
    },
    path(
        "baseline",
        "LITHIFY_BASELINE",
        "FILE",
        "What is accepted, each with a reason (TOML); --fail-on does not count it",
    ),
    flag(
        "print-baseline",
        "LITHIFY_PRINT_BASELINE",
        "Print a baseline that accepts everything found, in place of the result",
    ),
    path(
        "compare",
        "LITHIFY_COMPARE",
        "FILE",
        "Print what is gone, new and left since the scan whose JSON is in FILE; --fail-on then counts what is new",
    ),
];

const RUN: &[Argument] = &[
    PROFILE,
    REMOVE,
    Argument {
        long: "fallback",
        env: "LITHIFY_FALLBACK",
        value: "FALLBACK",
        kind: Kind::Choice(&[
            ("deny", "Disable it (mode 000), else deny it to the app by Landlock"),
            ("warn", "On a read-only root, say so and start the app"),
            ("fail", "Do not start the app"),
        ]),
        default: "deny",
        help: "What to do with what cannot be deleted, because the root is read-only or belongs to another user",
        ..NONE
    },
    Argument {
        long: "user",
        env: "LITHIFY_USER",
        value: "U[:G]",
        help: "Run the app as this user (name or id) with its groups, or with this group only",
        ..NONE
    },
    path("chdir", "LITHIFY_CHDIR", "DIR", "Run the app in this directory"),
    flag("keep-fds", "LITHIFY_KEEP_FDS", "Let the app inherit descriptors from 3 upwards"),
    flag("init", "LITHIFY_INIT", "Stay as the first process: pass on signals, reap, exit as the app does"),
    flag(
        "after-start",
        "LITHIFY_AFTER_START",
        "Start the app first, and harden when it is past its scripts; so it is without this flag, too, where the command \
         is a script of a shell that goes. Stays as with --init",
    ),
    seconds(
        "wait-timeout",
        "LITHIFY_WAIT_TIMEOUT",
        WAIT_TIMEOUT,
        "With --after-start: how long the app may take to get past its scripts",
    ),
    seconds(
        "grace",
        "LITHIFY_GRACE",
        "10",
        "With --after-start: time from SIGTERM to SIGKILL for an app that could not be hardened",
    ),
    flag("process-group", "LITHIFY_PROCESS_GROUP", "With --init: signals go to the app's whole process group"),
    Argument {
        long: "parent-death",
        env: "LITHIFY_PARENT_DEATH",
        value: "SIGNAL",
        help: "Get this signal when the parent process dies",
        ..NONE
    },
    ALLOW_HOST,
    place("CMD", Kind::Rest, "The command and its arguments, after `--`"),
];

const STAGE: &[Argument] = &[
    ROOT,
    PROFILE,
    APP,
    place("SOURCE", Kind::Paths, "Directories of the target to copy, such as /usr/bin"),
    Argument { required: true, ..path("to", "LITHIFY_TO", "DIR", "Where the volume is mounted; the copy is DIR/root") },
];

const fn sub(name: &'static str, about: &'static str, arguments: &'static [Argument]) -> Subcommand {
    Subcommand { name, about, arguments, subcommands: &[] }
}

/// The subcommands.
pub(super) const SUBCOMMANDS: &[Subcommand] = &[
    sub("harden", "Delete what the profiles list, then verify", HARDEN),
    sub("verify", "Check what the profiles ask for; change nothing", &[ROOT, PROFILE]),
    sub("scan", "Show what an intruder would find; change nothing", SCAN),
    sub("run", "Harden, verify, then become the app", RUN),
    sub("stage", "Copy directories of this container into a volume, without what the profiles remove", STAGE),
    sub(
        "install",
        "Copy this program to DIR/lithify, for the app's container to mount",
        &[
            Argument {
                long: "only",
                value: "COMMAND",
                kind: Kind::Texts,
                help: "Let the copy accept this command line, such as 'verify --profile nginx', word for word, and none that is \
                       not given so; can be repeated",
                ..NONE
            },
            place("DIR", Kind::Path, "A directory, such as the mount point of a volume"),
        ],
    ),
    sub("sleep", "Wait, for preStop hooks; a signal ends it", &[place("SECONDS", Kind::Seconds, "How long")]),
    Subcommand {
        name: "probe",
        about: "Check that a port, a URL or a file answers",
        arguments: &[Argument {
            global: true,
            ..seconds("timeout", "LITHIFY_TIMEOUT", "1", "The longest to wait for an answer")
        }],
        subcommands: &[
            sub(
                "tcp",
                "Whether a port takes connections",
                &[place("HOST:PORT", Kind::Text, "An address (IPv6 in brackets) or a name of /etc/hosts, and a port")],
            ),
            sub(
                "http",
                "Whether a GET is answered with a status of 200 to 399; no TLS",
                &[place("URL", Kind::Text, "Such as `http://127.0.0.1:8080/healthz`")],
            ),
            sub("file", "Whether a file is there", &[place("PATH", Kind::Text, "An absolute path")]),
        ],
    },
    Subcommand {
        name: "profile",
        about: "Show, check and list profiles",
        arguments: &[],
        subcommands: &[
            sub("list", "The built-in profiles", &[]),
            sub(
                "show",
                "The effective form of profiles, with the origin of each entry",
                &[place("NAME|FILE", Kind::Texts, "Built-in names or files")],
            ),
            sub("check", "Whether profile files are valid", &[place("FILE", Kind::Texts, "Files")]),
            sub("schema", "The JSON Schema of the profile format", &[]),
        ],
    },
];
