//! The options of `seal`: the core's, and those that are of an archive.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command as Clap};

use super::option;
use crate::image::{Limits, Platform};
use lithify::text::size;

/// `seal`.
#[derive(Clone, Debug)]
pub(crate) struct Seal {
    /// The archive of the image, or `-`.
    pub(crate) image: String,
    pub(crate) platform: Option<Platform>,
    pub(crate) limits: Limits,
    /// What else was given, which is for the core's `seal`.
    pub(crate) further: Vec<OsString>,
}

/// The options.
pub(super) fn options() -> Clap {
    Clap::new("seal")
        .about("State what the files of an image are, by one digest: the same that `lithify seal` prints in its container")
        .arg(option("image", "FILE", "What docker export, docker save, podman export, crane export or buildah push wrote, `-` for standard input").required(true))
        .arg(option("platform", "OS/ARCH", "Of an archive with images for several platforms, this one; else that of this machine").value_parser(str::parse::<Platform>))
        .arg(option("max-size", "SIZE", "Refuse an image with more bytes in all its layers").default_value("64G").value_parser(size::parse))
        .args(of_core_seal().filter(|arg| arg.get_id() != "root"))
}

/// The options of `lithify seal`, with those that every command takes.
fn of_core_seal() -> impl Iterator<Item = Arg> {
    let command = lithify::cli::command();
    let of = |command: &Clap| command.get_arguments().cloned().collect::<Vec<_>>();
    let own = command.find_subcommand("seal").map(of).unwrap_or_default();
    own.into_iter().chain(of(&command))
}

/// Never `None`: clap checks the required options.
pub(super) fn read(sub: &mut ArgMatches) -> Option<Seal> {
    let file: u64 = sub.get_one("max-file-size").copied()?;
    let mut further = Vec::new();
    for arg in of_core_seal() {
        let id = arg.get_id().as_str();
        // What variables say is read by the core.
        if arg.get_id() == "root" || sub.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        if arg.get_action().takes_values() {
            for value in sub.get_raw(id).into_iter().flatten() {
                let mut word = OsString::from(format!("--{id}="));
                word.push(value);
                further.push(word);
            }
        } else {
            further.push(format!("--{id}").into());
        }
    }
    Some(Seal {
        image: sub.remove_one("image")?,
        platform: sub.remove_one("platform"),
        limits: Limits::new(file, sub.remove_one("max-size")?),
        further,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use super::*;

    /// What the core reads, it is given word for word.
    #[test]
    fn options_of_the_core_are_passed_on() {
        let read = |words: &str| {
            let words = ["kubectl-lithify", "seal", "--image", "-"].into_iter().chain(words.split_whitespace());
            match parse(words.map(OsString::from)) {
                Ok(Command::Seal(seal)) => {
                    seal.further.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
                }
                Ok(_) => "another".to_owned(),
                Err(error) => error.kind().to_string(),
            }
        };
        assert_eq!(read(""), "");
        let words = read("-p a --profile b --after --only=executables --out - --max-file-size 1K -v --format json");
        let expected =
            "--profile=a --profile=b --after --only=executables --out=- --max-file-size=1K --format=json --verbose";
        assert_eq!(words, expected);
        assert!(read("--root /x").contains("unexpected"), "{}", read("--root /x"));
    }
}
