//! The programs that a profile removes, by the profile's rules and the catalogue, as far as a name or a path tells.

use crate::manifest::paths::normal;
use crate::names::{PROGRAM, PROGRAM_OF_IMAGE};
use lithify::profile::{Profile, Rule, Selector};
use lithify::recognise::catalogue::{Catalogue, Class, DIRECTORIES};
use lithify::recognise::command_line::wrappers::file_name;
use lithify::root::pattern::PathPattern;

/// The programs that one profile removes.
pub(crate) struct Removed<'a> {
    profile: &'a Profile,
    catalogue: Catalogue,
    directories: Vec<PathPattern>,
}

impl<'a> Removed<'a> {
    pub(crate) fn new(profile: &'a Profile) -> Self {
        let directories = DIRECTORIES.iter().filter_map(|directory| PathPattern::parse(directory).ok()).collect();
        Self { profile, catalogue: Catalogue::default(), directories }
    }

    /// The rule that removes a program, as text. `program` is a path, or a name that is looked up in `PATH`. `None`
    /// also for a word that does not tell the program.
    pub(crate) fn rule(&self, program: &str) -> Option<String> {
        self.find(program).map(|rule| format!("{} of profile {}", rule.value, rule.profile))
    }

    /// Whether that rule is by the class of launchers, which spares the launcher that starts the app, such as `tini`.
    pub(crate) fn spares_as_init(&self, program: &str) -> bool {
        self.find(program).is_some_and(|rule| rule.value == Selector::Class(Class::Launcher))
    }

    fn find(&self, program: &str) -> Option<&'a Rule> {
        // Only the container knows variables and the working directory.
        if program.is_empty() || program.contains(['$', '`']) || program.contains('/') && !program.starts_with('/') {
            return None;
        }
        let program = &*normal(program);
        if program == PROGRAM || program == PROGRAM_OF_IMAGE {
            return None;
        }
        let paths = self.places(program);
        let name = file_name(program);
        let profile = self.profile;
        let saved = |rule: &Rule| self.selects(&rule.value, name, &paths);
        if profile.keep.iter().any(saved) || profile.only.iter().any(saved) {
            return None;
        }
        profile.remove.iter().find(|rule| match &rule.value {
            // An allow-list removes every program that is not on it.
            Selector::Others => true,
            value => self.selects(value, name, &paths),
        })
    }

    /// The paths at which the program may be: on a merged image `/bin` is `/usr/bin`.
    fn places(&self, program: &str) -> Vec<String> {
        if program.starts_with('/') {
            let twin = match program.strip_prefix("/usr") {
                Some(rest) if rest.starts_with("/bin/") || rest.starts_with("/sbin/") => Some(rest.to_owned()),
                None if program.starts_with("/bin/") || program.starts_with("/sbin/") => Some(format!("/usr{program}")),
                _ => None,
            };
            return [Some(program.to_owned()), twin].into_iter().flatten().collect();
        }
        self.profile.search().iter().map(|directory| format!("{directory}/{program}")).collect()
    }

    fn selects(&self, selector: &Selector, name: &str, paths: &[String]) -> bool {
        let in_search = || paths.iter().any(|path| self.profile.search().contains(&directory(path)));
        match selector {
            Selector::Name(known) => known == name && in_search(),
            Selector::Path(pattern) => paths.iter().any(|path| {
                // A rule for a directory also removes its content.
                std::iter::successors(Some(path.as_str()), |path| Some(directory(path)).filter(|path| !path.is_empty()))
                    .any(|path| pattern.matches(path.as_bytes()))
            }),
            Selector::Class(class) => {
                let known_place =
                    |path: &String| self.directories.iter().any(|known| known.matches(directory(path).as_bytes()));
                self.catalogue.by_name(name.as_bytes()).is_some_and(|known| known.class == *class)
                    && (in_search() || paths.iter().any(known_place))
            }
            Selector::Others => false,
        }
    }
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Whether a file is named as a shell's script.
pub(crate) fn is_script(program: &str) -> bool {
    std::path::Path::new(program).extension().is_some_and(|extension| extension == "sh")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lithify::profile::{load, load_text};

    #[test]
    fn by_the_built_in_profiles() {
        let nginx = load(["nginx"]).unwrap();
        let removed = Removed::new(&nginx);
        for program in [
            "sh",
            "/bin/sh",
            "/usr/bin/sh",
            "bash",
            "curl",
            "python3",
            "/usr/bin/python3.11",
            "sleep",
            "/opt/java/openjdk/bin/java",
            "/busybox/sh",
            "//bin/sh",
            "/bin/../bin/./sh",
            "/usr//bin/sh",
        ] {
            assert!(removed.rule(program).is_some(), "{program}");
        }
        for program in [
            "nginx",
            "/usr/sbin/nginx",
            "/srv/app",
            "./sh",
            "bin/sh",
            "/srv/sh",
            "/bin/../srv/sh",
            "/lithify/lithify",
            "/lithify//lithify",
            "",
            "redis-server",
            "$SHELL",
            "/bin/$X",
        ] {
            assert_eq!(removed.rule(program), None, "{program}");
        }
        assert_eq!(removed.rule("/bin/dash").unwrap(), "names \"dash\" of profile shells");
        let distroless = load(["distroless"]).unwrap();
        let removed = Removed::new(&distroless);
        assert!(removed.rule("tini").is_some() && removed.spares_as_init("/usr/bin/tini"));
        assert!(removed.rule("flock").is_some() && !removed.spares_as_init("flock"));
        let shells = load(["shells"]).unwrap();
        assert_eq!(Removed::new(&shells).rule("curl"), None);
    }

    #[test]
    fn keep_allow_lists_and_directories() {
        let text = "schema = 1\n[remove]\nnames = [\"curl\", \"nc\"]\npaths = [\"/opt/debug\", \"/usr/bin/py*\"]\n[keep]\nnames = [\"nc\"]\npaths = [\"/usr/bin/python3\"]\n";
        let profile = load_text("site", text).unwrap();
        let removed = Removed::new(&profile);
        assert!(removed.rule("/opt/debug/bin/tool").is_some() && removed.rule("curl").is_some());
        assert!(
            removed.rule("nc").is_none() && removed.rule("python3").is_none() && removed.rule("/bin/pydoc3").is_some()
        );
        let only = load_text("only", "schema = 1\n[keep]\nonly = [\"nginx\"]\n").unwrap();
        let removed = Removed::new(&only);
        assert!(removed.rule("nginx").is_none() && removed.rule("/srv/app").is_some());
        // Wherever that is.
        assert!(removed.rule("./app").is_none() && removed.rule("$APP").is_none());
    }
}
