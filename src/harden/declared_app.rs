//! What the container will start, for a root in which nothing runs yet: `--app` and `[keep] app`.

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

/// The command that declares that nothing in the root is ever started.
const NONE: &str = "none";

/// Interpreters that run apps. Profiles remove them by name, too.
const LANGUAGES: [&str; 5] = ["perl", "python3", "ruby", "node", "php"];

/// How many processes may be between the first process and lithify.
const MOST_ANCESTORS: usize = 1000;

/// What the container will start, as the command line and the profile declare it.
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
    /// `--app`: everything that the command names must exist.
    Option,
    /// A profile, which is made for many images: what the command names need not exist.
    Profile(Rc<str>),
}

/// A rule may take the app away, and it is not declared what the app is.
#[derive(Debug, thiserror::Error)]
#[error("nothing runs in this root, so lithify does not know what its container will start, and {} of profile {} may take that away; {}", rule.value, rule.profile, looks(likely))]
pub struct UnknownApp {
    rule: Rule,
    /// Programs that look like the app, as canonical paths.
    likely: Vec<Vec<u8>>,
    /// Whether the rules take only shells, and interpreters that run apps by their names, and no other program by its
    /// content.
    pub only_shells: bool,
}

/// Why no plan is made: it might take the app away.
#[derive(Debug, thiserror::Error)]
pub enum DeclaredAppError {
    /// Something that the command of `--app` names does not exist.
    #[error("--app {}: {} is not there, so what it needs to start cannot be protected", escape(command.join(" ").as_bytes()), escape(missing.as_bytes()))]
    Missing {
        /// The words of the command.
        command: Vec<String>,
        /// What does not exist.
        missing: String,
    },
    /// It is not declared what the container will start.
    #[error(transparent)]
    Unknown(UnknownApp),
}

impl DeclaredApp {
    /// Takes the commands of `--app`, each as its words, and adds that of `[keep] app`.
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

    /// Protects everything that the app needs to start. `runs` says whether the app already runs.
    ///
    /// If nothing runs and a rule may take the app away, the app must be declared. If it is not, the result says so.
    /// Fails if a command of `--app` names something that does not exist.
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
                // A running app shows itself what it is, and a profile may also be written for builds.
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

/// `PATH` and the working directory of this process, if they are those of the image: in its build.
fn surroundings(target: &Target) -> (Option<String>, String) {
    let own = target.is_own_root() == Ok(true);
    let path = std::env::var("PATH").ok().filter(|_| own);
    let directory =
        std::env::current_dir().ok().filter(|_| own).and_then(|path| path.into_os_string().into_string().ok());
    (path, directory.unwrap_or_else(|| "/".to_owned()))
}

/// The first rule that may take the app away: a rule that takes programs under any name, or one that takes interpreters
/// that run apps. The flag says that no rule takes any other program than these interpreters and shells by its content.
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

/// Whether `[keep]` names an existing program that can be the app. An entry of the allow-list counts if it is any
/// program: an allow-list is always meant to contain the app.
fn is_kept(root: &Root, kept: &Kept) -> bool {
    kept.named.iter().any(|named| {
        let is_one = if named.only { likely::is_program } else { likely::is_app };
        is_one(root, &named.path)
    })
}

/// Whether a process belongs to the root and is or may be the app. Neither lithify nor the processes that started it
/// there are, such as the shell of a build step or an entrypoint script.
pub fn runs(owner: &Owner, app: &App) -> bool {
    let Some(first) = app.first.as_ref().filter(|_| owner.has_processes()) else { return false };
    let parent = |pid: u32| {
        let mut processes = app.processes().chain(&app.others);
        processes.find(|process| process.pid == pid).map(|process| process.parent)
    };
    // Processes change while they are listed, so the parents may form a circle.
    let own = u32::try_from(nix::unistd::getppid().as_raw()).ok();
    let mut ancestors = std::iter::successors(own, |pid| parent(*pid)).take(MOST_ANCESTORS);
    first.pid != std::process::id() && ancestors.all(|pid| pid != first.pid)
}
