//! `[keep] libraries = "closure"`: the rules of ld.so(8), by libraries that a compiler made, and what the app has loaded.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::app::{App, NGINX};
use crate::harness::container::Spec;
use crate::harness::tree::{Tree, manifest};
use crate::harness::{Ran, harden, rootfs, run, run_lithify};

const CLOSURE: &str = "[keep]\nonly = [\"app\"]\nlibraries = \"closure\"";

/// Makes the ELF file `path`: a program where its name is `app`, else a library. Nothing in it needs a libc.
fn elf(tree: &Tree, path: &str, arguments: &[&str]) {
    let at = tree.at(path);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    let source = tree.at("/source.c");
    let program = path.ends_with("/app");
    fs::write(&source, if program { "void _start(void) { for (;;) ; }\n" } else { "int f(void) { return 0; }\n" })
        .unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-nostdlib", "-fno-stack-protector", "-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined"]);
    cc.args(if program { &["-fpie", "-pie"][..] } else { &["-fPIC", "-shared"] });
    run(cc.arg("-o").arg(&at).arg(&source).args(arguments).args(["-Wl,-rpath-link", tree.at("/r").to_str().unwrap()]))
        .exits(0);
}

/// A library whose `DT_SONAME` is its name.
fn library(tree: &Tree, path: &str, arguments: &[&str]) {
    let name = format!("-Wl,-soname,{}", Path::new(path).file_name().unwrap().to_str().unwrap());
    elf(tree, path, &[&[name.as_str()], arguments].concat());
}

/// The argument that adds a library, which must exist, to what is needed.
fn needs(tree: &Tree, path: &str) -> String {
    tree.at(path).to_str().unwrap().to_owned()
}

fn with(tree: &Tree, profile: &str) -> Ran {
    let path = tree.at("/p.toml");
    fs::write(&path, format!("schema = 1\nname = \"p\"\n{profile}\n")).unwrap();
    harden(&tree.at("/r"), ["-v", "-p", path.to_str().unwrap()])
}

#[test]
fn rpath_is_inherited_and_runpath_is_not() {
    for (flag, inherited) in [("--disable-new-dtags", true), ("--enable-new-dtags", false)] {
        let tree = Tree::new();
        library(&tree, "/r/opt/lib/libdeep.so", &[]);
        library(&tree, "/r/usr/lib/libdeep.so", &[]);
        library(&tree, "/r/opt/lib/liba.so", &[&needs(&tree, "/r/opt/lib/libdeep.so")]);
        library(&tree, "/r/usr/lib/libother.so", &[]);
        let flags = [format!("-Wl,{flag}"), "-Wl,-rpath,/opt/lib".to_owned(), needs(&tree, "/r/opt/lib/liba.so")];
        elf(&tree, "/r/bin/app", &flags.each_ref().map(String::as_str));
        with(&tree, CLOSURE).exits(0);
        tree.assert_there(&["/r/bin/app", "/r/opt/lib/liba.so"]);
        tree.assert_gone(&["/r/usr/lib/libother.so"]);
        // With DT_RPATH what liba needs is found where the program says; with DT_RUNPATH in the system's directories.
        assert_eq!(tree.has("/r/opt/lib/libdeep.so"), inherited, "{flag}");
        assert_eq!(tree.has("/r/usr/lib/libdeep.so"), !inherited, "{flag}");
    }
}

#[test]
fn origin_a_path_links_and_variants_for_newer_processors() {
    let tree = Tree::new();
    library(&tree, "/r/opt/x/lib/libreal.so.1.2", &["-Wl,-soname,libo.so.1"]);
    tree.link("/r/opt/x/lib/libo.so.1", "libreal.so.1.2");
    elf(&tree, "/r/opt/x/lib/glibc-hwcaps/x86-64-v3/libo.so.1", &["-Wl,-soname,libo.so.1"]);
    // No DT_SONAME: what is needed is the path by which it was linked.
    elf(&tree, "/r/opt/y/libp.so", &[]);
    let mut paths = vec!["-Wl,-rpath,$ORIGIN/../x/lib".to_owned(), needs(&tree, "/r/opt/x/lib/libo.so.1")];
    let place = tree.at("/r").join("opt/y/libp.so");
    paths.push(place.to_str().unwrap().to_owned());
    // The same path inside the root.
    let outside = tree.at("/r").join(place.strip_prefix("/").unwrap());
    fs::create_dir_all(outside.parent().unwrap()).unwrap();
    elf(&tree, "/r/opt/bin/app", &paths.iter().map(String::as_str).collect::<Vec<_>>());
    fs::rename(&place, &outside).unwrap();
    library(&tree, "/r/opt/x/lib/libnot.so", &[]);
    library(&tree, "/r/opt/x/lib/glibc-hwcaps/x86-64-v3/libnot.so", &[]);
    with(&tree, "[keep]\nonly = [\"/opt/bin/app\"]\nlibraries = \"closure\"").exits(0);
    tree.assert_there(&["/r/opt/x/lib/libo.so.1", "/r/opt/x/lib/libreal.so.1.2"]);
    tree.assert_there(&["/r/opt/x/lib/glibc-hwcaps/x86-64-v3/libo.so.1"]);
    assert!(outside.exists());
    tree.assert_gone(&["/r/opt/x/lib/libnot.so", "/r/opt/x/lib/glibc-hwcaps/x86-64-v3/libnot.so"]);
}

#[test]
fn by_the_loaders_cache_and_by_musls_path() {
    let tree = Tree::new();
    library(&tree, "/r/opt/vendor/libv.so.1", &[]);
    library(&tree, "/r/opt/vendor/libw.so.1", &[]);
    elf(&tree, "/r/bin/app", &[&needs(&tree, "/r/opt/vendor/libv.so.1")]);
    tree.directory("/r/etc");
    fs::write(tree.at("/r/etc/ld.so.conf"), "/opt/vendor\n").unwrap();
    run(Command::new("ldconfig").arg("-r").arg(tree.at("/r"))).exits(0);
    with(&tree, CLOSURE).exits(0);
    tree.assert_there(&["/r/opt/vendor/libv.so.1"]);
    tree.assert_gone(&["/r/opt/vendor/libw.so.1"]);

    let tree = Tree::new();
    for directory in ["/r/lib", "/r/opt/musl"] {
        library(&tree, &format!("{directory}/libv.so.1"), &[]);
    }
    tree.directory("/r/etc");
    fs::write(tree.at("/r/etc/ld-musl-x86_64.path"), "/opt/none\n/opt/musl\n").unwrap();
    let loader = "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1";
    library(&tree, "/r/lib/ld-musl-x86_64.so.1", &[]);
    elf(&tree, "/r/bin/app", &[loader, &needs(&tree, "/r/opt/musl/libv.so.1")]);
    with(&tree, CLOSURE).exits(0);
    tree.assert_there(&["/r/opt/musl/libv.so.1", "/r/lib/ld-musl-x86_64.so.1"]);
    tree.assert_gone(&["/r/lib/libv.so.1"]);
}

#[test]
fn a_library_that_is_not_found_refuses_all_until_it_is_kept() {
    let tree = Tree::new();
    library(&tree, "/r/srv/libs/libenv.so.3", &[]);
    library(&tree, "/r/usr/lib/libmiddle.so", &[&needs(&tree, "/r/srv/libs/libenv.so.3")]);
    library(&tree, "/r/usr/lib/libother.so", &[]);
    elf(&tree, "/r/bin/app", &[&needs(&tree, "/r/usr/lib/libmiddle.so")]);
    tree.file("/r/bin/tool");
    let before = manifest(&tree.at("/r"));
    let refused = with(&tree, CLOSURE)
        .exits(3)
        .says("REFUSED /bin/app")
        .says("/bin/app needs libmiddle.so, which needs libenv.so.3, which is not there")
        .says("LD_LIBRARY_PATH");
    assert_eq!(manifest(&tree.at("/r")), before);
    // As it says, word for word.
    fs::write(tree.at("/change.toml"), refused.change()).unwrap();
    let flags = ["--dry-run", "-p", &needs(&tree, "/p.toml"), "-p", &needs(&tree, "/change.toml")];
    harden(&tree.at("/r"), flags).exits(0).does_not_say("would remove /srv/libs").says("would remove /bin/tool");
    with(&tree, &CLOSURE.replace("libraries", "paths = [\"/srv/libs\"]\nlibraries")).exits(0);
    tree.assert_there(&["/r/srv/libs/libenv.so.3", "/r/usr/lib/libmiddle.so"]);
    tree.assert_gone(&["/r/usr/lib/libother.so", "/r/bin/tool"]);
    // A program that lost a library since is no state to call good.
    fs::remove_file(tree.at("/r/usr/lib/libmiddle.so")).unwrap();
    let profile = tree.at("/p.toml");
    run_lithify(["verify".as_ref(), "--root".as_ref(), tree.at("/r").as_os_str(), "-p".as_ref(), profile.as_os_str()])
        .exits(1)
        .says("FAIL remove /bin/app: lacks a library: /bin/app needs libmiddle.so");
}

#[test]
fn a_kept_module_without_its_library_is_only_noted() {
    let tree = Tree::new();
    library(&tree, "/r/usr/lib/libgone.so", &[]);
    library(&tree, "/r/usr/lib/libneeded.so", &[]);
    let (gone, needed) = (needs(&tree, "/r/usr/lib/libgone.so"), needs(&tree, "/r/usr/lib/libneeded.so"));
    elf(&tree, "/r/opt/modules/one.so", &[&gone, &needed]);
    elf(&tree, "/r/bin/app", &[]);
    fs::remove_file(tree.at("/r/usr/lib/libgone.so")).unwrap();
    with(&tree, &CLOSURE.replace("libraries", "paths = [\"/opt/modules\"]\nlibraries"))
        .exits(0)
        .says("note: cannot be loaded, as before, because a library is missing: /opt/modules/one.so needs libgone.so");
    tree.assert_there(&["/r/opt/modules/one.so", "/r/usr/lib/libneeded.so"]);
}

#[test]
fn a_rule_that_asks_for_what_is_needed_is_refused_with_the_chain() {
    let container = NGINX.start();
    let before = manifest(container.root());
    let closure = "[keep]\nonly = [\"nginx\"]\nlibraries = \"closure\"";
    let rule = |path: &str| format!("[remove]\npaths = [\"{path}\"]\n{closure}");
    App::harden(&container, &rule("/usr/lib/x86_64-linux-gnu/libpcre2-8.so*"), "site")
        .exits(3)
        .says("REFUSED /usr/lib/x86_64-linux-gnu/libpcre2-8.so.0.11.2: ")
        .says("/usr/sbin/nginx needs libpcre2-8.so.0, found at /lib/x86_64-linux-gnu/libpcre2-8.so.0");
    let mut after = manifest(container.root());
    after.remove(Path::new("var/tmp/site.toml"));
    assert_eq!(after, before);
    // One that nothing needs may be named, too.
    App::harden(&container, &rule("/usr/lib/x86_64-linux-gnu/libapt-pkg.so*"), "site").exits(0);
    assert!(!container.root().join("usr/lib/x86_64-linux-gnu/libapt-pkg.so.6.0").exists());
    NGINX.lives_on(&container);
}

/// A library that only process 1 knows of, because it loaded it by name.
#[test]
fn what_a_process_of_the_app_has_loaded_stays() {
    let code = "import ctypes, time; ctypes.CDLL('libapt-pkg.so.6.0'); print('loaded', flush=True); time.sleep(1000)";
    let container = Spec::new(&rootfs("python"), &["/usr/bin/python3", "-c", code]).start();
    container.wait("load it", || container.log().contains("loaded"));
    let closure = "[keep]\nonly = [\"python3\"]\npaths = [\"/usr/lib/python3.11\"]\nlibraries = \"closure\"";
    let library = "/usr/lib/x86_64-linux-gnu/libapt-pkg.so.6.0.0";
    App::harden(&container, &format!("[remove]\npaths = [\"{library}\"]\n{closure}"), "site")
        .exits(3)
        .says("process 1 (python3) of the app has loaded it");
    App::harden(&container, closure, "site").exits(0).says("may load libraries at run time (dlopen)");
    assert!(container.root().join(&library[1..]).exists());
    assert!(!container.root().join("usr/lib/x86_64-linux-gnu/libapt-private.so.0.0.0").exists());
}

#[test]
fn and_what_one_whose_first_thread_has_ended_has_loaded() {
    let code = "import ctypes, threading, time; ctypes.CDLL('libapt-pkg.so.6.0'); rest = lambda: time.sleep(1000); \
        threading.Thread(target=rest).start(); print('loaded', flush=True); ctypes.CDLL(None).pthread_exit(None)";
    let script = format!("python3 -c \"{code}\" & exec sleep 1000");
    let container = Spec::new(&rootfs("python"), &["/bin/sh", "-c", &script]).start();
    let ended =
        "for p in $(grep -lsx python3 /proc/[0-9]*/comm); do grep -q State:.Z ${p%comm}status && echo ended; done";
    container.wait("end its first thread", || container.exec(["/bin/sh", "-c", ended]).stdout == "ended\n");
    let closure = "[keep]\nonly = [\"python3\", \"sleep\"]\npaths = [\"/usr/lib/python3.11\"]\nlibraries = \"closure\"";
    App::harden(&container, closure, "site").exits(0);
    assert!(container.root().join("usr/lib/x86_64-linux-gnu/libapt-pkg.so.6.0.0").exists());
    assert!(!container.root().join("usr/lib/x86_64-linux-gnu/libapt-private.so.0.0.0").exists());
}

#[test]
fn a_process_whose_libraries_cannot_be_read_refuses_all() {
    let script = "setpriv --reuid 33 --clear-groups sleep 1000 & exec tail -f /dev/null";
    let container = Spec::new(&rootfs("nginx"), &["/bin/sh", "-c", script]).start();
    let both = "grep -qsx sleep /proc/[0-9]*/comm && grep -qx tail /proc/1/comm";
    container.wait("start", || container.exec(["sh", "-c", both]).code == 0);
    let before = manifest(container.root());
    App::harden(&container, "[keep]\nonly = [\"tail\"]\nlibraries = \"closure\"", "site")
        .exits(3)
        .says("(sleep) belongs to the app, and which libraries it has loaded cannot be read from /proc/")
        .says("CAP_SYS_PTRACE");
    let mut after = manifest(container.root());
    after.remove(Path::new("var/tmp/site.toml"));
    assert_eq!(after, before);
    // On the list, its libraries stay with it.
    App::harden(&container, "[keep]\nonly = [\"tail\", \"sleep\"]\nlibraries = \"closure\"", "site").exits(0);
    container.exec(["/usr/bin/sleep", "0"]).exits(0);
}

#[test]
fn the_command_to_be_run_and_its_libraries() {
    let tree = Tree::new();
    let profile = tree.at("/site.toml");
    fs::write(&profile, "schema = 1\nname = \"site\"\n[keep]\nonly = [\"nginx\"]\nlibraries = \"closure\"\n").unwrap();
    let run = ["/lithify/lithify", "run", "-p", "/profiles/site.toml", "--", "/usr/sbin/nginx", "-g", "daemon off;"];
    let container = Spec::new(&rootfs("nginx"), &run).volume(tree.path(), "/profiles", &["ro"]).start();
    NGINX.answers(&container);
    assert!(!container.root().join("usr/bin/dash").exists(), "{}", container.log());
    assert!(!container.root().join("usr/lib/x86_64-linux-gnu/libapt-pkg.so.6.0.0").exists());
}

#[test]
fn without_an_allow_list_it_means_nothing() {
    let tree = Tree::new();
    tree.file("/r/bin/app");
    with(&tree, "[remove]\nnames = [\"app\"]\n[keep]\nlibraries = \"closure\"").exits(2).says("add [keep] only");
    with(&tree, "[keep]\nlibraries = \"some\"").exits(2).says("known: \"all\", \"closure\"");
    tree.assert_there(&["/r/bin/app"]);
}
