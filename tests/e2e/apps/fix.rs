//! The fixes that lithify prints, followed to the letter by somebody who knows nothing of the app.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::list::App;
use super::running::Running;

/// What an image and its hardening are made of by now.
#[derive(Debug)]
pub struct Site {
    /// What the container starts.
    pub command: Vec<String>,
    /// The environment that the image sets.
    pub environment: Vec<String>,
    /// The profile; `distroless` if there is none.
    pub profile: Option<PathBuf>,
    /// As whom `run` starts the app.
    pub user: Option<&'static str>,
    /// Lists of `[keep]` in a profile of one's own.
    keep: BTreeMap<String, Vec<String>>,
    /// Whether the command is named to a build.
    names_app: bool,
    /// Whether the app is up before anything is deleted.
    after_start: bool,
    /// Whether the command is no script any more.
    is_program: bool,
}

impl Site {
    /// The app as its image starts it, below an init if it needs one.
    pub fn new(app: &App) -> Self {
        let own = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let (command, environment) = (own(&app.started()), own(app.environment));
        Self {
            command,
            environment,
            profile: None,
            user: None,
            keep: BTreeMap::new(),
            names_app: false,
            after_start: false,
            is_program: false,
        }
    }

    /// The app with a profile of its own, which a file says.
    pub fn with_profile(app: &App, profile: &Path) -> Self {
        Self { profile: Some(profile.to_owned()), ..Self::new(app) }
    }

    /// What a script has started in place of it: the program itself.
    pub fn by_its_program(&mut self, running: &Running) {
        (self.command, self.environment) = (running.program.clone(), running.environment.clone());
    }

    /// Does what the `fix:` lines of a report say first, and says what that was; empty where they say nothing that is not
    /// done yet.
    pub fn follow(&mut self, report: &str, running: &Running) -> Vec<String> {
        let mut done = Vec::new();
        for fix in report.lines().filter_map(|line| line.strip_prefix("  fix: ")) {
            let itself = ["start the program itself", "start the app itself"].iter().any(|text| fix.contains(text));
            if itself && !self.is_program {
                // What else was said was said of the script.
                self.is_program = true;
                self.by_its_program(running);
                return vec!["its program as the command".to_owned()];
            }
            if fix.contains("--app 'COMMAND ARG...'") {
                if !std::mem::replace(&mut self.names_app, true) {
                    done.push("--app".to_owned());
                }
            } else {
                done.extend(self.keep(fix));
            }
        }
        done
    }

    /// Lets `run` start the app first.
    pub fn after_start(&mut self) -> &'static str {
        self.after_start = true;
        "`--after-start`"
    }

    /// Adds the entries that stand ready in a fix.
    fn keep(&mut self, fix: &str) -> Vec<String> {
        let mut done = Vec::new();
        for (key, values) in entries(fix) {
            let list = self.keep.entry(key.clone()).or_default();
            let new: Vec<_> = values.into_iter().filter(|value| !list.contains(value)).collect();
            if !new.is_empty() {
                done.push(format!("`[keep] {key} = {new:?}`"));
                list.extend(new);
            }
        }
        done
    }

    /// Flags of lithify; profiles that are files are written to `directory`, to be mounted at `/site`.
    pub fn flags(&self, directory: &Path) -> Vec<String> {
        let mut flags = vec!["-p".to_owned()];
        match &self.profile {
            None => flags.push("distroless".to_owned()),
            Some(profile) => {
                fs::copy(profile, directory.join("app.toml")).unwrap();
                flags.push("/site/app.toml".to_owned());
            }
        }
        if self.after_start {
            flags.push("--after-start".to_owned());
        }
        if self.names_app {
            flags.extend([
                "--app".to_owned(),
                self.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
            ]);
        }
        if !self.keep.is_empty() {
            let lists: String = self.keep.iter().map(|(key, values)| format!("{key} = {values:?}\n")).collect();
            fs::write(directory.join("site.toml"), format!("schema = 1\nname = \"site\"\n[keep]\n{lists}")).unwrap();
            flags.extend(["-p", "/site/site.toml"].map(str::to_owned));
        }
        flags
    }
}

/// The entries `[keep] KEY = ["VALUE", ...]` in a line.
fn entries(fix: &str) -> Vec<(String, Vec<String>)> {
    let entry = |part: &str| {
        let (key, rest) = part.split_once(" = [")?;
        let list = rest.split_once(']').unwrap().0;
        let toml: toml::Table = format!("list = [{list}]").parse().unwrap();
        let values = toml["list"].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned());
        Some((key.to_owned(), values.collect()))
    };
    fix.split("[keep] ").skip(1).filter_map(entry).collect()
}

/// As a shell reads it.
pub fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=/.,:".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
