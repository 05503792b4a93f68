//! Real apps of Debian's packages, hardened with `distroless` in each way: they work, or they are refused with a reason
//! that is true and a fix that helps. docs/apps.md shows what was seen; with `LITHIFY_BLESS=1` this writes it there.

/// A test of each app.
macro_rules! apps {
    ($test:path; $($name:ident)*) => {
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { $test(stringify!($name)); })*
    };
}

mod client;
mod docs;
mod figures;
mod fix;
mod kept;
mod learned;
mod left;
mod list;
mod profiles;
mod running;
mod table;
mod way;

use std::collections::BTreeSet;

use self::fix::Site;
use self::list::{APPS, App, app};
use self::running::Running;
use self::table::Row;
use self::way::Way;
use crate::harness::Ran;
use crate::harness::attempts::{ANYWHERE, SHELLS};
use crate::harness::container::Container;

/// Those whose trees are made in seconds.
mod quick {
    apps!(super::works_or_says_how; bind9 dnsmasq gunicorn haproxy lighttpd memcached mosquitto nginx python redis squid sshd vsftpd);

    #[test]
    fn the_docs_show_all_of_them() {
        let apps = super::APPS.iter().map(|app| app.name.replace('-', "_"));
        let tests = NAMES.iter().chain(super::slow::NAMES).map(ToString::to_string);
        assert_eq!(apps.collect::<super::BTreeSet<_>>(), tests.collect());
        assert_eq!(super::table::names(), super::APPS.iter().map(|app| app.name).collect::<Vec<_>>());
    }
}

/// `just apps`
mod slow {
    apps!(super::works_or_says_how; apache2 apachectl mariadb mod_php node php_fpm postfix postgres puma rabbitmq tomcat varnish);
}

/// More rounds than any app needs.
const ROUNDS: usize = 8;

fn works_or_says_how(test: &str) {
    let app = app(&test.replace("php_fpm", "php-fpm"));
    let running = Running::of(app);
    let mut row = Row::new(app);
    for way in Way::ALL {
        let (mut site, mut fixes) = (Site::new(app), Vec::new());
        let mut container = hardened(app, way, &running, &mut site, &mut fixes);
        let mut lives = lives_on(app, way, &container, &fixes);
        if lives == Lives::Never && way == Way::Run {
            // What the docs advise for these.
            fixes.push(site.after_start().to_owned());
            container = hardened(app, way, &running, &mut site, &mut fixes);
            lives = lives_on(app, way, &container, &fixes);
        }
        row.add(way, &fixes, lives);
        is_without_shells(app, way, &running, &container, &mut row);
    }
    table::compare(&row);
}

/// Follows the fixes until it is hardened.
#[track_caller]
fn hardened(app: &App, way: Way, running: &Running, site: &mut Site, fixes: &mut Vec<String>) -> Container {
    for _ in 0..ROUNDS {
        match way.harden(app, site) {
            Ok(container) => return container,
            Err(refused) => {
                is_true(app, way, running, &refused);
                let done = site.follow(&refused.all(), running);
                assert!(!done.is_empty(), "{} {way:?}: no fix that helps: {}", app.name, refused.all());
                fixes.extend(done);
            }
        }
    }
    panic!("{} {way:?}: refused for ever: {fixes:?}", app.name)
}

/// What is said to be run or needed is run or needed.
#[track_caller]
fn is_true(app: &App, way: Way, running: &Running, refused: &Ran) {
    let said = refused.all();
    let image = app.spec().create();
    let subject = |line: &str| {
        let rest = line.strip_prefix("REFUSED ").or_else(|| Some(line.split_once("still runs ")?.1))?;
        Some(rest.split([':', ',']).next()?.to_owned())
    };
    let subjects: Vec<String> = said.lines().filter_map(subject).collect();
    for subject in &subjects {
        // Not as process 1, its shell may stay as its parent.
        let is_its_shell = app.starts.is_some() && subject.ends_with("/dash");
        assert!(
            is_its_shell || running.needs(image.root(), subject),
            "{} {way:?}: not true of {subject}: {said}\n{running:?}",
            app.name
        );
    }
    // Of an image in which nothing runs yet, its app must be among what looks like one.
    let mut words = said.split_whitespace().map(|word| word.trim_end_matches([',', ';']));
    let named = words.any(|word| word.starts_with('/') && running.needs(image.root(), word));
    assert!(!subjects.is_empty() || named, "{} {way:?}: names nothing of the app: {said}", app.name);
}

/// How often an app starts in a hardened root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lives {
    On,
    /// It was up before the shell went, which it needs to start.
    Once,
    /// It has ended at its first start, for want of that.
    Never,
}

/// It answers, and so it does after a restart in the same layer; but for scripts, for what a launcher has started, and for what is known to
/// start a shell.
#[track_caller]
fn lives_on(app: &App, way: Way, container: &Container, fixes: &[String]) -> Lives {
    let context = |what| format!("{} {way:?} {fixes:?} {what}: {}", app.name, container.log());
    if !client::answers(app, container) {
        assert!(app.starts.is_some() && (way != Way::Probe || !fixes.is_empty()), "{}", context("does not answer"));
        return Lives::Never;
    }
    if container.restart() && client::answers(app, container) {
        return Lives::On;
    }
    let gone = app.starts.is_some() || app.starts_by().is_some() && way != Way::Build;
    assert!(gone, "{}", context("does not start again"));
    Lives::Once
}

#[track_caller]
fn is_without_shells(app: &App, way: Way, running: &Running, container: &Container, row: &mut Row) {
    // All ways end in the same profile.
    let attempts = if way == Way::Probe { ANYWHERE } else { &ANYWHERE[..SHELLS] };
    let shells = left::shells(app, container, attempts);
    assert!(shells.is_empty(), "{} {way:?} leaves {shells:?}", app.name);
    for (class, program) in left::programs(container) {
        if running.needs(container.root(), &program) {
            row.left.insert(program);
        } else {
            assert!(!["shell", "multi-call"].contains(&&*class), "{} {way:?} leaves {program}", app.name);
        }
    }
}
