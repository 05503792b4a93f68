//! Loads profiles by name or from a file, with their includes.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::diagnostic::{ProfileError, SourceText, is_quoted, nearest};
use super::document::Document;
use super::{Profile, Selector};
use crate::profile::builtin;
use crate::recognise::catalogue::names_of_profile;
use crate::root::pattern::PathPattern;
use crate::text::escape::escape;

/// Larger files are not profiles: the built-in ones are under 4 KiB.
pub(crate) const MAX_BYTES: u64 = 1024 * 1024;

#[derive(Clone, PartialEq, Eq)]
enum Key {
    Builtin(&'static str),
    File { dev: u64, ino: u64 },
}

#[derive(Default)]
struct Loader {
    profile: Profile,
    done: Vec<Key>,
    open: Vec<(Key, String)>,
}

/// Loads and combines profiles. A name that holds a `/` or ends in `.toml` is a file, a path of the caller; any other
/// is the name of a built-in profile. Fails at the first profile that cannot be read or is not valid.
pub fn load<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Profile, ProfileError> {
    load_all(&mut names.into_iter())
}

fn load_all(names: &mut dyn Iterator<Item = &str>) -> Result<Profile, ProfileError> {
    let mut loader = Loader::default();
    for name in names {
        if is_file(name) {
            loader.file(Path::new(name)).map_err(|error| match error {
                Included::Error(error) => error,
                Included::Reason(reason) => ProfileError::Read { file: escape(name.as_bytes()), reason },
            })?;
        } else {
            let (known, text) = builtin::lookup(name).ok_or_else(|| unknown_builtin(name))?;
            loader.text(Key::Builtin(known), &format!("built-in {known}"), text, None)?;
        }
    }
    Ok(loader.profile)
}

/// Loads one profile from text, for tests and fuzzing. Includes of files are relative to the working directory.
pub fn load_text(file: &str, text: &str) -> Result<Profile, ProfileError> {
    let mut loader = Loader::default();
    loader.text(Key::File { dev: 0, ino: 0 }, file, text, Some(Path::new(".")))?;
    Ok(loader.profile)
}

/// The profile of the file at `path`, a path of the caller, and its text.
pub(crate) fn load_file(path: &Path) -> Result<(Profile, String), ProfileError> {
    let name = escape(path.as_os_str().as_encoded_bytes());
    let (bytes, _) = read_file(path, MAX_BYTES).map_err(|reason| ProfileError::Read { file: name.clone(), reason })?;
    let text = SourceText::new(&name, &bytes, is_quoted(&name))?.text.to_owned();
    Ok((load_as(path, &text)?, text))
}

/// The profile that the file at `path` would be with this text.
pub(crate) fn load_as(path: &Path, text: &str) -> Result<Profile, ProfileError> {
    let mut loader = Loader::default();
    let key = std::fs::metadata(path).map_or((0, 0), |metadata| (metadata.dev(), metadata.ino()));
    let name = escape(path.as_os_str().as_encoded_bytes());
    let directory = path.parent().unwrap_or(Path::new("."));
    loader.text(Key::File { dev: key.0, ino: key.1 }, &name, text, Some(directory))?;
    Ok(loader.profile)
}

/// Whether a profile argument is a file.
pub(crate) fn is_file(name: &str) -> bool {
    name.contains('/') || is_quoted(name)
}

/// Parses a rule as `--remove` takes it: a path if it holds a `/`, else a file name. The error is the reason.
pub(super) fn selector(text: &str) -> Result<Selector, String> {
    if text.contains('/') {
        return PathPattern::parse(text).map(Selector::Path).map_err(|error| error.to_string());
    }
    match text {
        "" | "." | ".." => Err("is not a file name".to_owned()),
        _ if text.contains('\0') => Err("a file name cannot hold a NUL byte".to_owned()),
        _ if text.contains(['*', '?']) => {
            Err(format!("names are taken literally; as a pattern write a path, such as \"/usr/bin/{text}\""))
        }
        _ => Ok(Selector::Name(text.to_owned())),
    }
}

fn unknown_builtin(name: &str) -> ProfileError {
    ProfileError::UnknownBuiltin {
        name: escape(name.as_bytes()),
        suggestion: nearest(name, &builtin::names().collect::<Vec<_>>()),
        known: builtin::names().collect::<Vec<_>>().join(", "),
    }
}

/// Why an included file did not load: an error inside the file, or a reason that is reported at the include.
enum Included {
    Error(ProfileError),
    Reason(String),
}

impl From<ProfileError> for Included {
    fn from(error: ProfileError) -> Self {
        Self::Error(error)
    }
}

impl Loader {
    fn file(&mut self, path: &Path) -> Result<(), Included> {
        let (bytes, metadata) = read_file(path, MAX_BYTES).map_err(Included::Reason)?;
        let name = escape(path.as_os_str().as_encoded_bytes());
        let key = Key::File { dev: metadata.dev(), ino: metadata.ino() };
        let text = SourceText::new(&name, &bytes, is_quoted(&name))?.text;
        let directory = path.parent().unwrap_or(Path::new("."));
        Ok(self.text(key, &name, text, Some(directory))?)
    }

    /// Adds one profile. Its includes are added first, so that they come first in the report.
    fn text(&mut self, key: Key, file: &str, text: &str, directory: Option<&Path>) -> Result<(), ProfileError> {
        if self.done.contains(&key) {
            return Ok(());
        }
        // A built-in profile has no directory, and its text may always be shown.
        let source = SourceText { file, text, quoted: directory.is_none() || is_quoted(file) };
        let document = Document::parse(source)?;
        source.check_schema(document.schema.as_ref(), "a profile")?;
        self.open.push((key.clone(), file.to_owned()));
        for include in &document.include {
            self.include(source, include.get_ref(), include.span(), directory)?;
        }
        self.open.pop();
        let listed = if let Key::Builtin(name) = key { name } else { "" };
        self.done.push(key);
        self.profile.add(source, document, &names_of_profile(listed).collect::<Vec<_>>())
    }

    fn include(
        &mut self,
        source: SourceText<'_>,
        name: &str,
        span: std::ops::Range<usize>,
        directory: Option<&Path>,
    ) -> Result<(), ProfileError> {
        if !is_file(name) {
            let Some((known, text)) = builtin::lookup(name) else {
                let error = unknown_builtin(name);
                return Err(source.error(span, error.to_string(), None));
            };
            self.no_cycle(source, &Key::Builtin(known), span)?;
            return self.text(Key::Builtin(known), &format!("built-in {known}"), text, None);
        }
        let path: PathBuf = directory.unwrap_or(Path::new(".")).join(name);
        if let Ok(metadata) = std::fs::metadata(&path) {
            self.no_cycle(source, &Key::File { dev: metadata.dev(), ino: metadata.ino() }, span.clone())?;
        }
        self.file(&path).map_err(|error| match error {
            Included::Error(error) => error,
            Included::Reason(reason) => {
                let hint = format!(
                    "includes are relative to this file: looked for {}",
                    escape(path.as_os_str().as_encoded_bytes())
                );
                source.error(span, format!("cannot include `{}`: {reason}", escape(name.as_bytes())), Some(hint))
            }
        })
    }

    fn no_cycle(&self, source: SourceText<'_>, key: &Key, span: std::ops::Range<usize>) -> Result<(), ProfileError> {
        let Some(start) = self.open.iter().position(|(open, _)| open == key) else { return Ok(()) };
        let chain: Vec<&str> = self.open.iter().skip(start).map(|(_, file)| file.as_str()).collect();
        let first = chain.first().copied().unwrap_or_default();
        let message = format!("include cycle: {} -> {first}", chain.join(" -> "));
        Err(source.error(span, message, Some("remove this include".to_owned())))
    }
}

/// The content and metadata of a regular file of at most `max` bytes, at a path of the caller; or why it cannot be
/// read.
pub(crate) fn read_file(path: &Path, max: u64) -> Result<(Vec<u8>, std::fs::Metadata), String> {
    // Opens without blocking: a fifo in place of a profile must not hang a probe.
    let file = File::options()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
        .open(path)
        .map_err(|error| io_reason(&error))?;
    let metadata = file.metadata().map_err(|error| io_reason(&error))?;
    if !metadata.is_file() {
        return Err(format!("it is {}", if metadata.is_dir() { "a directory" } else { "not a regular file" }));
    }
    if metadata.len() > max {
        return Err(format!("it is {} bytes long, and {max} are read: is it the right file?", metadata.len()));
    }
    let mut bytes = Vec::new();
    file.take(max).read_to_end(&mut bytes).map_err(|error| io_reason(&error))?;
    Ok((bytes, metadata))
}

fn io_reason(error: &std::io::Error) -> String {
    match error.raw_os_error().map(nix::errno::Errno::from_raw) {
        Some(nix::errno::Errno::ENOENT) => "no such file".to_owned(),
        Some(errno) => errno.desc().to_owned(),
        None => error.to_string(),
    }
}
