//! Combination rules, and errors with their place.

use proptest::prelude::*;

use super::{Method, Principal, Profile, Selector, load, load_text, to_toml};
use crate::profile::builtin;

fn profile(body: &str) -> Profile {
    load_text("t.toml", &format!("schema = 1\nname = \"t\"\n{body}")).unwrap()
}

/// The profiles in order, through files that one file includes.
fn combined(bodies: &[&str]) -> Profile {
    let directory = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        let path = directory.path().join(format!("p{index}.toml"));
        std::fs::write(&path, format!("schema = 1\nname = \"p{index}\"\n{body}")).unwrap();
        names.push(path.to_str().unwrap().to_owned());
    }
    load(names.iter().map(String::as_str)).unwrap()
}

fn error(body: &str) -> String {
    load_text("t.toml", &format!("schema = 1\n{body}\n")).unwrap_err().to_string()
}

#[test]
fn lists_join_and_remember_where_from() {
    let both = combined(&["[remove]\nnames = [\"sh\", \"ash\"]", "[remove]\nnames = [\"ash\", \"zsh\"]"]);
    let rules: Vec<_> = both.remove.iter().map(|rule| (rule.value.to_string(), rule.profile.to_string())).collect();
    let expected = [("names \"sh\"", "p0"), ("names \"ash\"", "p0"), ("names \"zsh\"", "p1")];
    assert_eq!(rules, expected.map(|(rule, from)| (rule.to_owned(), from.to_owned())));
}

#[test]
fn the_stricter_scalar_wins_in_any_order() {
    let weak = "[strip]\nsetid = false\n[remove]\nmethod = \"disable\"\n[verify.process]\nno_new_privs = false\nuser = \"non-root\"";
    let strict =
        "[strip]\nsetid = true\n[remove]\nmethod = \"delete\"\n[verify.process]\nno_new_privs = true\nuser = 65532";
    for order in [[weak, strict], [strict, weak]] {
        let both = combined(&order);
        assert_eq!(both.method(), Method::Delete);
        assert!(both.strip.setid.as_ref().unwrap().value);
        assert!(both.verify.no_new_privs.as_ref().unwrap().value);
        assert_eq!(both.verify.user.as_ref().unwrap().value, Principal::Id(65532));
    }
    assert_eq!(combined(&[weak]).method(), Method::Disable);
    assert_eq!(profile("").method(), Method::Delete);
}

/// A choice is known by its position.
#[test]
fn words_stand_in_the_order_of_their_values() {
    use super::keys::{Kind, SECTIONS};
    let choices = SECTIONS.iter().flat_map(|section| section.keys).filter_map(|key| match &key.kind {
        Kind::Choice(choice) => Some(choice.words),
        _ => None,
    });
    let values = [
        Method::ALL.map(Method::name).to_vec(),
        super::Libraries::ALL.map(super::Libraries::name).to_vec(),
        super::ConfineMode::ALL.map(super::ConfineMode::name).to_vec(),
    ];
    assert_eq!(choices.map(<[_]>::to_vec).collect::<Vec<_>>(), values);
}

#[test]
fn the_closure_of_libraries_is_the_stricter() {
    let (all, closure) = ("[keep]\nlibraries = \"all\"", "[keep]\nlibraries = \"closure\"");
    for order in [[all, closure], [closure, all]] {
        assert!(combined(&order).closure());
    }
    assert!(!profile(all).closure() && !profile("").closure());
    assert!(load_text("shown.toml", &to_toml(&profile(closure), &|_| String::new())).unwrap().closure());
}

#[test]
fn limits_allow_only_what_every_profile_allows() {
    let capabilities = |profile: &Profile| profile.verify.capabilities.as_ref().unwrap().value.clone();
    let one = "[verify.process]\ncapabilities = [\"CHOWN\", \"NET_BIND_SERVICE\"]\ngroups = [1, 2]";
    let other = "[verify.process]\ncapabilities = [\"cap_net_bind_service\", \"KILL\"]\ngroups = [2, 3]";
    for order in [[one, other], [other, one]] {
        let both = combined(&order);
        assert_eq!(capabilities(&both), ["NET_BIND_SERVICE"]);
        assert_eq!(both.verify.groups.as_ref().unwrap().value, [2]);
    }
    assert!(capabilities(&combined(&[one, "[verify.process]\ncapabilities = []"])).is_empty());
}

#[test]
fn confinement_joins_and_an_empty_list_is_not_none() {
    let paths = |list: &Option<Vec<super::Sourced<String>>>| {
        list.as_ref().map(|list| list.iter().map(|entry| entry.value.clone()).collect::<Vec<_>>())
    };
    let best = "[confine]\nwrite = []\nmode = \"best-effort\"";
    let other = "[confine]\nwrite = [\"/tmp\", \"/run//\"]\nexecute = [\"/bin/x\"]\nmode = \"require\"";
    assert_eq!((paths(&profile("").confine.write), paths(&profile(best).confine.write)), (None, Some(vec![])));
    for order in [[best, other], [other, best]] {
        let both = combined(&order).confine;
        assert_eq!(paths(&both.write), Some(vec!["/tmp".to_owned(), "/run".to_owned()]));
        assert_eq!(both.mode(), super::ConfineMode::Require);
    }
    assert_eq!(profile(best).confine.mode(), super::ConfineMode::BestEffort);
    assert_eq!(profile("[confine]").confine.mode(), super::ConfineMode::Require);
    for body in [best, other] {
        let profile = profile(body);
        let again = load_text("shown.toml", &to_toml(&profile, &|_| String::new())).unwrap();
        assert_eq!(paths(&again.confine.write), paths(&profile.confine.write));
        assert_eq!(paths(&again.confine.execute), paths(&profile.confine.execute));
        assert_eq!(again.confine.mode(), profile.confine.mode());
    }
}

#[test]
fn ports_and_scopes_join_and_are_shown_again() {
    let ports = |list: &Option<Vec<super::Sourced<u16>>>| {
        list.as_ref().map(|list| list.iter().map(|port| port.value).collect::<Vec<_>>())
    };
    let one = "[confine]\nbind = [8080, 0]\nconnect = []\nscope = [\"signal\"]";
    let other = "[confine]\nbind = [8080, 65535]\nscope = [\"abstract-unix-socket\", \"signal\"]\naudit = false";
    let both = combined(&[one, other]);
    let again = load_text("shown.toml", &to_toml(&both, &|_| String::new())).unwrap();
    for Profile { confine, .. } in [&both, &again] {
        assert_eq!((ports(&confine.bind), ports(&confine.connect)), (Some(vec![8080, 0, 65535]), Some(vec![])));
        let scopes: Vec<&str> = confine.scope.iter().map(|scope| scope.value.name()).collect();
        assert_eq!((scopes, confine.audit()), (vec!["signal", "abstract-unix-socket"], Some(false)));
        assert!(confine.ioctl.is_none());
    }
    assert!(super::to_json(&both, &|_| String::new()).contains(r#""bind":[{"value":8080,"profile":"p0"},"#));
    assert_eq!(profile("[confine]").confine.audit(), None);
    for (keys, says) in [
        ("bind = [65536]", "`bind` must be a list of ports from 0 to 65535, not the number 65536"),
        ("connect = [\"443\"]", "`connect` must be a list of ports from 0 to 65535, not the string"),
        ("connect = 443", "`connect` must be a list of ports"),
        ("scope = [\"signals\"]", "unknown scope `signals`"),
        ("ioctl = [\"dev/dri\"]", "is not an absolute path"),
    ] {
        let error = error(&format!("[confine]\n{keys}"));
        assert!(error.contains(says) && error.contains("t.toml:3:"), "{error}");
    }
}

#[test]
fn users_that_contradict_each_other_are_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str, user: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, format!("schema = 1\n[verify.process]\nuser = {user}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, other) = (at("a.toml", "1"), at("b.toml", "2"));
    let text = load([one.as_str(), other.as_str()]).unwrap_err().to_string();
    assert!(text.contains("b.toml:3:"), "{text}");
}

#[test]
fn the_app_is_one_command() {
    let words = ["nginx", "-g", "daemon off;"];
    let one = "[keep]\napp = [\"nginx\", \"-g\", \"daemon off;\"]";
    let shown = to_toml(&profile(one), &|_| String::new());
    assert_eq!(load_text("shown.toml", &shown).unwrap().app.unwrap().value, words, "{shown}");
    assert_eq!(combined(&[one, "", one]).app.unwrap().value, words);
}

#[test]
fn errors_show_the_place_and_a_hint() {
    for (body, place, says) in [
        ("[verify.mounts]\nread-only = [\"/\"]", "t.toml:3:1", "did you mean `read_only`?"),
        ("[remove]\nnames = \"sh\"", "t.toml:3:9", "names"),
        ("[remove]\nnames = [\"a\", 7]", "t.toml:3:15", ""),
        ("[remove]\npaths = [\"usr/bin/x\"]", "t.toml:3:10", "absolute"),
        ("[remove]\npaths = [\"/usr/../bin\"]", "t.toml:3:10", ".."),
        ("[remove]\nmethod = \"shred\"", "t.toml:3:10", "delete"),
        ("[verify.process]\ncapabilities = [\"NET_BIND\"]", "t.toml:3:17", "did you mean `NET_BIND_SERVICE`?"),
        ("[verify.process]\nseccomp = \"strict\"", "t.toml:3:11", "filter"),
        ("include = [\"shels\"]", "t.toml:2:12", "did you mean `shells`?"),
        ("include = [\"ngnix\"]", "t.toml:2:12", "did you mean `nginx`?"),
        ("[remove]\nclasses = [\"shel\"]", "t.toml:3:12", "did you mean `shell`?"),
        ("[keep]\nlibraries = \"some\"", "t.toml:3:13", "closure"),
        ("[keep]\napp = \"nginx\"", "t.toml:3:7", "a list of strings"),
        ("[keep]\napp = [\"\"]", "t.toml:3:8", "names no command"),
        ("[confine]\nwrite = [\"tmp\"]", "t.toml:3:10", "absolute"),
        ("[confine]\nmode = \"try\"", "t.toml:3:8", "best-effort"),
        ("[confine]\nwrite = [\"/usr/\"]\nexecute = [\"/usr/bin/x\"]", "t.toml:3:10", "both writable and executable"),
        ("[confine]\nread = []", "t.toml:3:1", "known here: write, execute, ioctl, bind, connect, scope, audit, mode"),
        ("= 1", "t.toml:2:1", ""),
    ] {
        let text = error(body);
        assert!(text.contains(place) && text.contains(says), "{body}: {text}");
    }
}

#[test]
fn the_first_mistake_in_the_file_is_told() {
    assert!(error("[kep]\n[remove]\nnmes = []\npaths = 1").contains("t.toml:2:"));
    assert!(error("[remove]\nnmes = []\npaths = 1\n[kep]").contains("t.toml:3:"));
}

#[test]
fn built_in_profiles_load_and_their_effective_form_is_a_profile() {
    for name in builtin::names() {
        let loaded = load([name]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let shown = to_toml(&loaded, &|_| String::new());
        let again = load_text("shown.toml", &shown).unwrap_or_else(|error| panic!("{name}: {error}\n{shown}"));
        let selectors = |profile: &Profile| -> Vec<Selector> {
            let mut all: Vec<_> = profile.remove.iter().chain(&profile.keep).map(|rule| rule.value.clone()).collect();
            all.sort_by_key(ToString::to_string);
            all
        };
        assert_eq!(selectors(&loaded), selectors(&again), "{name}");
        assert_eq!(loaded.method(), again.method(), "{name}");
        assert_eq!(loaded.verify.read_only.len(), again.verify.read_only.len(), "{name}");
        assert!(!loaded.sources.iter().any(|source| source.description.is_empty()), "{name} has no description");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        let _ = load_text("t.toml", &text);
    }

    #[test]
    fn arbitrary_values_never_panic(
        table in prop::sample::select(vec!["remove", "keep", "strip", "verify.mounts", "verify.process", "verify.files", "confine"]),
        key in prop::sample::select(vec!["names", "paths", "method", "setid", "user", "groups", "read_only", "absent", "write", "mode", "x"]),
        value in prop::sample::select(vec!["1", "-1", "true", "\"\"", "\"/\"", "[]", "[[]]", "{}", "1e400", "1979-05-27", "\"\\u0000\""]),
    ) {
        let _ = load_text("t.toml", &format!("schema = 1\n[{table}]\n{key} = {value}\n"));
    }
}

#[test]
fn a_quoted_text_shows_every_character_and_says_the_same() {
    let text = "a\u{202e}b\u{200b}\u{7f}\u{9b}\u{1b}\u{feff}\u{e0041}\"\\é/[";
    let quoted = super::quote(text);
    assert_eq!(quoted, r#""a\u202Eb\u200B\u007F\u009B\u001b\uFEFF\U000E0041\"\\é/[""#);
    let read: toml::Table = toml::from_str(&format!("x = {quoted}")).unwrap();
    assert_eq!(read["x"].as_str(), Some(text));
}
