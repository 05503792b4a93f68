//! What the container will start, where nothing runs yet: `--app` and `[keep] app`.

use std::rc::Rc;

use crate::harden::kept::Kept;
use crate::harden::protection::{Protection, Starter};
use crate::profile::{Profile, Rule, Selector};
use crate::recognise::catalogue::Class;
use crate::recognise::command_line::CommandLine;
use crate::root::Root;
use crate::target::Target;
use crate::target::app::App;
use crate::target::likely;
use crate::target::owner::Owner;
use crate::text::escape::escape;

/// Says that nothing of the root is ever started.
const NONE: &str = "none";

/// Programs that run apps; profiles remove them by name, too.
const LANGUAGES: [&str; 5] = ["perl", "python3", "ruby", "node", "php"];

/// How many processes may stand between the first one and lithify.
const MOST_ANCESTORS: usize = 1000;

/// What the command line and the profile say that the container will start.
#[derive(Debug, Default)]
pub struct DeclaredApp {
    commands: Vec<Command>,
    nothing: bool,
}

#[derive(Debug)]
struct Command {
    words: Vec<String>,
    declared_by: DeclaredBy,
}

#[derive(Debug)]
enum DeclaredBy {
    /// What `--app` names must be there.
    Option,
    /// A profile is made for many images.
    Profile(Rc<str>),
}

/// A plan may take the app away, and nobody has said what the app is.
#[derive(Debug, thiserror::Error)]
#[error("nothing runs in this root, so lithify does not know what its container will start, and {} of profile {} may take that away; {}", rule.value, rule.profile, looks(likely))]
pub struct UnknownApp {
    rule: Rule,
    /// What looks like it: canonical paths.
    likely: Vec<Vec<u8>>,
    /// The rules take shells and what runs apps of a language by name, and nothing else by its content.
    pub only_shells: bool,
}

/// Why a plan that may take the app away is not made.
#[derive(Debug, thiserror::Error)]
pub enum DeclaredAppError {
    /// Something of the command is not there.
    #[error("--app {}: {} is not there, so what it needs to start cannot be protected", escape(command.join(" ").as_bytes()), escape(missing.as_bytes()))]
    Missing {
        /// Its words.
        command: Vec<String>,
        /// What is not there.
        missing: String,
    },
    /// Nobody has said what the container will start.
    #[error(transparent)]
    Unknown(UnknownApp),
}

impl DeclaredApp {
    /// From the commands of `--app`, each in words, and from `[keep] app`.
    pub fn new(options: Vec<Vec<String>>, profile: &Profile) -> Self {
        let by_option = options.into_iter().map(|words| Command { words, declared_by: DeclaredBy::Option });
        let by_profile = profile
            .app
            .iter()
            .map(|app| Command { words: app.value.clone(), declared_by: DeclaredBy::Profile(Rc::clone(&app.profile)) });
        let (none, commands): (Vec<_>, Vec<_>) =
            by_option.chain(by_profile).partition(|command| command.words == [NONE]);
        Self { commands, nothing: !none.is_empty() }
    }

    /// Protects all that the app needs to start. `runs` says whether it runs already.
    ///
    /// Where nothing runs and a rule may take the app away, somebody must have said what it is: what is returned says
    /// that nobody has.
    pub fn protect(
        &self,
        target: &Target,
        profile: &Profile,
        runs: bool,
        kept: Option<&Kept>,
        protection: &mut Protection,
    ) -> Result<Option<UnknownApp>, DeclaredAppError> {
        let root = &target.root;
        let (path, directory) = surroundings(target);
        let mut known = self.nothing || runs;
        for Command { words, declared_by } in &self.commands {
            let by = match declared_by {
                DeclaredBy::Option => "--app".to_owned(),
                // What runs says itself what it is; a profile may also be one for builds.
                DeclaredBy::Profile(_) if runs => continue,
                DeclaredBy::Profile(profile) => format!("[keep] app of profile {profile}"),
            };
            let line =
                CommandLine { words: words.clone(), path: path.clone(), directory: directory.clone(), running: false };
            let missing = protection.add_command(root, &profile.search(), &line, Starter::Later(&by));
            match (missing.into_iter().next(), declared_by) {
                (None, _) => known = true,
                (Some(missing), DeclaredBy::Option) => {
                    return Err(DeclaredAppError::Missing { command: line.words, missing });
                }
                (Some(_), DeclaredBy::Profile(_)) => {}
            }
        }
        let careless = careless(profile).filter(|_| !known && !kept.is_some_and(|kept| is_kept(root, kept)));
        Ok(careless.map(|(rule, only_shells)| UnknownApp {
            rule: rule.clone(),
            likely: likely::apps(root),
            only_shells,
        }))
    }
}

fn looks(likely: &[Vec<u8>]) -> String {
    if likely.is_empty() {
        return "nothing there looks like it".to_owned();
    }
    let likely: Vec<String> = likely.iter().map(|path| escape(path)).collect();
    format!("what looks like it: {}", likely.join(", "))
}

/// `PATH` and the working directory, where they are the image's: in its build.
fn surroundings(target: &Target) -> (Option<String>, String) {
    let own = target.is_own_root() == Ok(true);
    let path = std::env::var("PATH").ok().filter(|_| own);
    let directory =
        std::env::current_dir().ok().filter(|_| own).and_then(|path| path.into_os_string().into_string().ok());
    (path, directory.unwrap_or_else(|| "/".to_owned()))
}

/// The first rule that takes programs whatever they are called, or what runs apps of a language, and whether there is
/// none that may take others than these and shells by their content.
fn careless(profile: &Profile) -> Option<(&Rule, bool)> {
    let noted = |rule: &&Rule| match &rule.value {
        Selector::Class(Class::Shell) => true,
        Selector::Name(name) => LANGUAGES.contains(&name.as_str()),
        _ => false,
    };
    let refused = |rule: &&Rule| matches!(rule.value, Selector::Class(_) | Selector::Others) && !noted(rule);
    let rules = &profile.remove;
    let rule = rules.iter().find(refused).or_else(|| rules.iter().find(noted))?;
    Some((rule, noted(&rule)))
}

/// Whether `[keep]` names something that is there and can be the app; an allow-list is always meant to hold it.
fn is_kept(root: &Root, kept: &Kept) -> bool {
    kept.named.iter().any(|named| {
        let is_one = if named.only { likely::is_program } else { likely::is_app };
        is_one(root, &named.path)
    })
}

/// Whether a process belongs to the root and is the app, or may be: not lithify itself, nor what has started it there,
/// such as the shell of a build's step or an entrypoint script.
pub fn runs(owner: &Owner, app: &App) -> bool {
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
