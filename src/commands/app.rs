//! What the container will start, where nothing runs yet: `--app` and `[keep] app`.

use crate::harden::protection::{Protection, Starter};
use crate::harden::survey;
use crate::linux::proc::own_root;
use crate::profile::{Profile, Rule, Selector};
use crate::recognise::catalogue::Class;
use crate::recognise::command_line::CommandLine;
use crate::root::Root;
use crate::target::app::App;
use crate::target::likely;
use crate::target::owner::Owner;
use crate::text::escape::escape;

use super::CommandError;

/// Says that nothing of the root is ever started.
pub(super) const NONE: &str = "none";

/// Programs that run apps; profiles remove them by name, too.
const LANGUAGES: [&str; 5] = ["perl", "python3", "ruby", "node", "php"];

/// How many processes may stand between the first one and lithify.
const MOST_ANCESTORS: usize = 1000;

/// What the command line and the profile say that the container will start.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    /// Each with who says so, and whether it must be there: a profile is made for many images.
    commands: Vec<(Vec<String>, String, bool)>,
    nothing: bool,
}

/// Why a plan that may take the app away is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error("--app {command}: {missing} is not there, so that what it needs to start cannot be protected")]
    Missing { command: String, missing: String },
    #[error(
        "nothing runs in this root, so that it is not known what its container will start, and {rule} may take that away; {looks}"
    )]
    Unknown { rule: String, looks: String },
}

impl AppError {
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "write the command as the container starts it, with absolute paths: ENTRYPOINT and CMD of the image, or command and args of the pod"
            }
            Self::Unknown { .. } => {
                "say what it will start (ENTRYPOINT and CMD of the image): --app 'COMMAND ARG...', or [keep] app = [\"COMMAND\", \"ARG\"] in a profile; --app none if nothing of this root is ever started"
            }
        }
    }
}

impl Declared {
    /// From `--app` and from `[keep] app`.
    pub(super) fn new(flags: &[String], profile: &Profile) -> Result<Self, CommandError> {
        let mut declared = Self::default();
        for text in flags.iter().map(|text| text.trim()) {
            let words = CommandLine::split(text).ok_or_else(|| {
                CommandError::Usage(format!(
                    "--app {}: write one command with its arguments, quoted as for a shell; for several repeat --app",
                    escape(text.as_bytes())
                ))
            })?;
            declared.add(words, "--app".to_owned(), true);
        }
        if let Some(app) = &profile.app {
            declared.add(app.value.clone(), format!("[keep] app of profile {}", app.profile), false);
        }
        Ok(declared)
    }

    fn add(&mut self, words: Vec<String>, said: String, must_be: bool) {
        if words == [NONE] {
            self.nothing = true;
        } else {
            self.commands.push((words, said, must_be));
        }
    }

    /// Protects all that the app needs to start. Where nothing runs and a rule may take the app away, somebody must have
    /// said what it is: else that is an error, or for shells a note.
    pub(super) fn protect(
        &self,
        root: &Root,
        profile: &Profile,
        runs: bool,
        protection: &mut Protection,
    ) -> Result<Option<String>, AppError> {
        let (path, directory) = surroundings(root);
        let mut known = self.nothing || runs;
        // What runs says itself what it is; a profile may also be one for builds.
        for (words, said, must_be) in self.commands.iter().filter(|(_, _, must_be)| *must_be || !runs) {
            let (words, path, directory) = (words.clone(), path.clone(), directory.clone());
            let line = CommandLine { words, path, directory, running: false };
            let missing = protection.add_command(root, &profile.search(), &line, Starter::Later(said));
            match missing.into_iter().next() {
                None => known = true,
                Some(missing) if *must_be => {
                    let command = escape(line.words.join(" ").as_bytes());
                    return Err(AppError::Missing { command, missing: escape(missing.as_bytes()) });
                }
                Some(_) => {}
            }
        }
        let Some((rule, shells)) = careless(profile).filter(|_| !known && !is_kept(root, profile)) else {
            return Ok(None);
        };
        let likely: Vec<String> = likely::apps(root).iter().map(|path| escape(path)).collect();
        let looks = if likely.is_empty() {
            "nothing there looks like it".to_owned()
        } else {
            format!("what looks like it: {}", likely.join(", "))
        };
        let unknown = AppError::Unknown { rule, looks };
        if shells { Ok(Some(format!("{unknown}; --app protects it"))) } else { Err(unknown) }
    }
}

/// `PATH` and the working directory, where they are the image's: in its build.
fn surroundings(root: &Root) -> (Option<String>, String) {
    let own = own_root().is_ok_and(|own| own == root.stat().id);
    let path = std::env::var("PATH").ok().filter(|_| own);
    let directory =
        std::env::current_dir().ok().filter(|_| own).and_then(|path| path.into_os_string().into_string().ok());
    (path, directory.unwrap_or_else(|| "/".to_owned()))
}

/// The first rule that takes programs whatever they are called, or what runs apps of a language, and whether there is
/// none that may take others than these and shells by their content.
fn careless(profile: &Profile) -> Option<(String, bool)> {
    let noted = |rule: &&Rule| match &rule.value {
        Selector::Class(Class::Shell) => true,
        Selector::Name(name) => LANGUAGES.contains(&name.as_str()),
        _ => false,
    };
    let refused = |rule: &&Rule| matches!(rule.value, Selector::Class(_) | Selector::Others) && !noted(rule);
    let rules = &profile.remove;
    let rule = rules.iter().find(refused).or_else(|| rules.iter().find(noted))?;
    Some((format!("{} of profile {}", rule.value, rule.profile), noted(&rule)))
}

/// Whether `[keep]` names something that is there and can be the app; an allow-list is always meant to hold it.
fn is_kept(root: &Root, profile: &Profile) -> bool {
    let named = |rules| survey::named(root, profile, rules).into_iter().map(|(path, _)| path);
    named(&profile.keep).any(|path| likely::is_app(root, &path))
        || named(&profile.only).any(|path| likely::is_program(root, &path))
}

/// Whether a process belongs to the root and is the app, or may be: not lithify itself, nor what has started it there,
/// such as the shell of a build's step or an entrypoint script.
pub(super) fn runs(owner: &Owner, app: &App) -> bool {
    let Some(first) = app.first.as_ref().filter(|_| owner.has_processes()) else { return false };
    let parent = |pid: u32| {
        let mut processes = app.processes().chain(&app.others);
        processes.find(|process| process.pid == pid).map(|process| process.parent)
    };
    // While they are listed processes change, so that a circle might come of it.
    let own = u32::try_from(nix::unistd::getppid().as_raw()).ok();
    let mut ancestors = std::iter::successors(own, |pid| parent(*pid)).take(MOST_ANCESTORS);
    first.pid != std::process::id() && ancestors.all(|pid| pid != first.pid)
}
