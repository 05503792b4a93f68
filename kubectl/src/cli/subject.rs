//! What `advise` and `learn` look at: an object of the cluster, or a manifest.

use std::fmt;
use std::str::FromStr;

use clap::{Arg, ArgGroup, ArgMatches, Command as Clap};

use super::{context, namespace, option};

/// What is looked at.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Object(Object),
    /// The manifest in this file; `-` is standard input.
    Manifest(String),
}

/// An object of the cluster, as kubectl calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// The kind of a name alone.
const POD: &str = "pod";

impl Object {
    pub(crate) fn is_pod(&self) -> bool {
        [POD, "pods", "po"].contains(&self.kind.as_str())
    }
}

impl FromStr for Object {
    type Err = &'static str;

    /// `NAME` of a pod, or `KIND/NAME`. Nothing that kubectl would take for a flag.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once('/').unwrap_or((POD, text));
        let is_word = |word: &str| {
            word.starts_with(|first: char| first.is_ascii_alphanumeric())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        };
        if !is_word(kind) || !is_word(name) {
            return Err("give the name of a pod, or KIND/NAME, such as deployment/web");
        }
        Ok(Self { kind: kind.to_ascii_lowercase(), name: name.to_owned() })
    }
}

impl fmt::Display for Object {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}", self.kind, self.name)
    }
}

/// The options that name it. One is required, or one of `others`.
pub(super) fn options(command: Clap, file: &'static str, others: &[&'static str]) -> Clap {
    let names = ["object", "filename"].iter().chain(others);
    command
        .arg(
            Arg::new("object")
                .value_name("POD|KIND/NAME")
                .value_parser(str::parse::<Object>)
                .help("A pod of kubectl's cluster, or a workload, such as deployment/web"),
        )
        .arg(option("filename", "FILE", file).short('f'))
        .group(ArgGroup::new("subject").args(names).required(true))
        .arg(namespace())
        .arg(context())
}

/// `None` where another option of the group was given.
pub(super) fn read(sub: &mut ArgMatches) -> Option<Subject> {
    let object = sub.remove_one("object").map(Subject::Object);
    object.or_else(|| sub.remove_one("filename").map(Subject::Manifest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects() {
        let of = |text: &str| text.parse::<Object>().map(|object| object.to_string());
        for (text, shown) in [
            ("web-1.x", "pod/web-1.x"),
            ("Deployment/web", "deployment/web"),
            ("sts/db", "sts/db"),
            ("rollouts.argoproj.io/web", "rollouts.argoproj.io/web"),
        ] {
            assert_eq!(of(text).unwrap(), shown);
        }
        for text in ["", "/", "a/", "/a", "a/b/c", "-A", "pod/-A", "--all", "a b", "a\nb", "a,b", "\u{e4}"] {
            assert!(of(text).is_err(), "{text:?}");
        }
    }
}
