//! What several subcommands read from their flags: the profile, and what the container will start.

use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc::{O_NOCTTY, O_NONBLOCK};

use super::CommandError;
use crate::harden::declared_app::DeclaredApp;
use crate::profile::{Profile, load};
use crate::recognise::command_line::CommandLine;
use crate::seal::{Digest, ManifestError, Reader};
use crate::text::escape::escape;

/// The profile that `--profile` and `--remove` name. Fails if it is not valid or asks for nothing.
pub(super) fn effective_profile(profiles: &[String], remove: &[String]) -> Result<Profile, CommandError> {
    let mut profile = load(profiles.iter().map(String::as_str))?;
    for text in remove {
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

/// The profile of these names, for what an app has written: what it leaves out of the seal only may still need a volume.
pub(super) fn profile_of_writes(profiles: &[String]) -> Result<Profile, CommandError> {
    Ok(Profile { exclude: Vec::new(), ..load(profiles.iter().map(String::as_str))? })
}

/// The variable of `--digest`.
pub(super) const DIGEST: &str = "LITHIFY_DIGEST";

/// The digest that `--digest` or its variable gives. Fails for a text that is none. An empty variable is an error, too:
/// the downward API makes one of an annotation that is missing, and that must never mean that nothing is checked.
pub(super) fn digest(option: Option<&str>) -> Result<Option<Digest>, CommandError> {
    let text = match option {
        None if std::env::var_os(DIGEST).is_none() => return Ok(None),
        text => text.unwrap_or_default(),
    };
    Digest::parse(text).map(Some).map_err(CommandError::Digest)
}

/// What the container will start, according to `--app` and the profile.
pub(super) fn declared_app(options: &[String], profile: &Profile) -> Result<DeclaredApp, CommandError> {
    let commands = options.iter().map(|text| text.trim()).map(|text| {
        CommandLine::split(text).ok_or_else(|| {
            CommandError::Usage(format!(
                "--app {}: write one command with its arguments, quoted as for a shell; for several repeat --app",
                escape(text.as_bytes())
            ))
        })
    });
    Ok(DeclaredApp::new(commands.collect::<Result<_, _>>()?, profile))
}

/// Opens a manifest and reads it once to its end, where its digest stands: so what is not whole is refused before
/// anything else is read. Returns that digest, too.
pub(super) fn open_manifest(path: &Path) -> Result<(BufReader<File>, Option<Digest>), CommandError> {
    let fail = |error| CommandError::Seal { path: path.to_path_buf(), error };
    let io = |error: io::Error| fail(ManifestError::Read { line: 1, error });
    // Does not block: nobody may ever write into a FIFO.
    let file = File::options().read(true).custom_flags(O_NONBLOCK | O_NOCTTY).open(path).map_err(io)?;
    if !file.metadata().map_err(io)?.is_file() {
        return Err(fail(ManifestError::NotAFile));
    }
    let mut file = BufReader::new(file);
    let mut reader = Reader::new(&mut file).map_err(fail)?;
    while reader.entry().map_err(fail)?.is_some() {}
    let digest = reader.digest();
    file.rewind().map_err(io)?;
    Ok((file, digest))
}
