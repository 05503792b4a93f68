//! What options say together with environment variables: lists, the profile, and what the container will start.

use super::CommandError;
use crate::harden::declared_app::DeclaredApp;
use crate::profile::{Profile, load};
use crate::recognise::command_line::CommandLine;
use crate::text::escape::escape;

/// A list given by flags, else by a comma-separated environment variable. Commas inside braces belong to a pattern.
pub(super) fn list(flags: &[String], variable: &str) -> Vec<String> {
    if !flags.is_empty() {
        return flags.to_vec();
    }
    let value = std::env::var(variable).unwrap_or_default();
    split_list(&value)
}

fn split_list(value: &str) -> Vec<String> {
    let mut depth = 0usize;
    let parts = value.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The profile that flags and environment name.
pub(super) fn effective_profile(profiles: &[String], remove: Option<&[String]>) -> Result<Profile, CommandError> {
    let names = list(profiles, "LITHIFY_PROFILE");
    let mut profile = load(names.iter().map(String::as_str))?;
    for text in list(remove.unwrap_or_default(), "LITHIFY_REMOVE").iter().take_while(|_| remove.is_some()) {
        profile.add_remove(text)?;
    }
    if profile.closure() && profile.only.is_empty() {
        return Err(CommandError::Usage(
            "[keep] libraries = \"closure\" needs the list of programs whose libraries stay: add [keep] only"
                .to_owned(),
        ));
    }
    if profile.sources.is_empty() && profile.remove.is_empty() {
        return Err(CommandError::Usage(
            "nothing to do: name a profile with -p NAME (see `lithify profile list`) or LITHIFY_PROFILE".to_owned(),
        ));
    }
    Ok(profile)
}

/// What the container will start: by `--app`, else by `LITHIFY_APP` with a command on each line, and by the profile.
pub(super) fn declared_app(options: &[String], profile: &Profile) -> Result<DeclaredApp, CommandError> {
    let variable = std::env::var("LITHIFY_APP").unwrap_or_default();
    let lines = variable.lines().map(str::trim).filter(|line| !line.is_empty() && options.is_empty());
    let commands = options.iter().map(String::as_str).chain(lines).map(|text| {
        CommandLine::split(text).ok_or_else(|| {
            CommandError::Usage(format!(
                "--app {}: write one command with its arguments, quoted as for a shell; for several repeat --app",
                escape(text.as_bytes())
            ))
        })
    });
    Ok(DeclaredApp::new(commands.collect::<Result<_, _>>()?, profile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_from_the_environment() {
        assert_eq!(split_list("shells, nginx,,"), ["shells", "nginx"]);
        assert_eq!(split_list("/usr/bin/{vi,ex},touch"), ["/usr/bin/{vi,ex}", "touch"]);
        assert!(split_list("").is_empty());
    }
}
