//! Ways to start a shell or another program from within a container, one by one. What is printed (`pwned`) stands in no
//! argument: a message that repeats one is no success.

use crate::harness::Ran;

pub const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
pub const ECHO: &str = "echo pw''ned";

/// How many of `ANYWHERE`, its first, start a shell by its name.
pub const SHELLS: usize = 5;

/// In any image of Debian.
pub const ANYWHERE: &[&[&str]] = &[
    &["/bin/sh", "-c", ECHO],
    &["dash", "-c", ECHO],
    &["bash", "-c", ECHO],
    &["rbash", "-c", ECHO],
    // Through the loader, which stays.
    &[LOADER, "/usr/bin/dash", "-c", ECHO],
    &[LOADER, "/usr/bin/env", "printf", "pw%sned", ""],
    // Interpreters.
    &["perl", "-e", "print 'pw' . 'ned'"],
    &["perl", "-e", "exec 'sh', '-c', \"echo pw''ned\""],
    &["awk", "BEGIN { print \"pw\" \"ned\" }"],
    &["mawk", "BEGIN { system(\"echo pw''ned\") }"],
    // Programs that start others.
    &["find", "/etc/hostname", "-exec", "printf", "pw%sned", "", ";"],
    &["env", "printf", "pw%sned", ""],
    &["env", "-S", "printf pwne%s d"],
    &["timeout", "5", "printf", "pw%sned", ""],
    &["nice", "printf", "pw%sned", ""],
    &["nohup", "printf", "pw%sned", ""],
    &["stdbuf", "-o0", "printf", "pw%sned", ""],
    &["setsid", "-w", "printf", "pw%sned", ""],
    &["chroot", "/", "printf", "pw%sned", ""],
    &["setpriv", "printf", "pw%sned", ""],
    &["setarch", "-R", "printf", "pw%sned", ""],
    &["prlimit", "printf", "pw%sned", ""],
    &["choom", "-n", "0", "--", "printf", "pw%sned", ""],
    &["taskset", "1", "printf", "pw%sned", ""],
    &["ionice", "-c3", "printf", "pw%sned", ""],
    &["script", "-qc", ECHO, "/dev/null"],
    &["su", "-s", "/bin/sh", "-c", ECHO],
    &["runuser", "-u", "root", "printf", "pw%sned", ""],
    &["start-stop-daemon", "-S", "-n", "x", "-x", "/bin/sh", "--", "-c", ECHO],
    // Options that start others.
    &["sed", "-n", "1e echo pw''ned", "/etc/hostname"],
    &["tar", "-cf", "/dev/null", "--checkpoint=1", "--checkpoint-action=exec=echo pw''ned", "/etc/hostname"],
    &["tar", "-cf", "/dev/null", "-I", "sh -c \"echo pw''ned >&2\"", "/etc/hostname"],
    &["split", "--filter=echo pw''ned", "/etc/hostname"],
    &[
        "apt-get",
        "update",
        "-oDir::Etc::SourceList=/dev/null",
        "-oDir::Etc::SourceParts=/dev/null",
        "-oAPT::Update::Pre-Invoke::=echo pw''ned",
    ],
    &["dpkg", "--pre-invoke=echo pw''ned", "--remove", "no-such-package"],
];

/// With what attack.rs prepares.
pub const PREPARED: &[&[&str]] = &[
    // Other names of a shell: a hard link, a copy, a copy with bytes appended, a link to one of them.
    &["/opt/.x", "-c", ECHO],
    &["/var/tmp/healthd", "-c", ECHO],
    &["/var/lib/app/worker", "-c", ECHO],
    &["/opt/link", "-c", ECHO],
    // Through the loader.
    &[LOADER, "/var/tmp/healthd", "-c", ECHO],
    // A multi-call program under a name that says nothing, as each of several programs, and by a link.
    &["/opt/busybox.old", "sh", "-c", ECHO],
    &["/opt/busybox.old", "ash", "-c", ECHO],
    &["/opt/busybox.old", "awk", "BEGIN { print \"pw\" \"ned\" }"],
    &["/opt/busybox.old", "xargs", "-a", "/var/tmp/word", "printf", "pw%s"],
    &["/opt/ash", "-c", ECHO],
    // Programs that start others.
    &["xargs", "-a", "/var/tmp/word", "printf", "pw%s"],
    &["flock", "/var/tmp/word", "-c", ECHO],
    &["run-parts", "/opt/parts"],
    // Options that start others.
    &["sort", "-S1b", "--compress-program=/opt/parts/compress", "-o", "/dev/null", "/usr/share/common-licenses/GPL-3"],
    // Scripts in writable directories: by a hidden shell, by names that exist, by what `env` finds.
    &["/var/tmp/script"],
    &["/tmp/sh-script"],
    &["/tmp/perl-script"],
    &["/tmp/env-script"],
];

pub fn works(ran: &Ran) -> bool {
    // A program that was not asked to print may have been made to by another stream.
    ran.all().contains("pwned")
}
