//! What a script of Perl, Python, Ruby, PHP, JavaScript and the like reads: `require`, `import` and their kin.

use super::Wanted;

/// Words behind which the name of a file or a module stands.
const KEYWORDS: [&str; 13] = [
    "require",
    "require_once",
    "require_relative",
    "include",
    "include_once",
    "import",
    "from",
    "use",
    "do",
    "load",
    "loadfile",
    "dofile",
    "source",
];

/// The ends of the names of files that a name without one may stand for.
const ENDS: [&str; 8] = ["", ".js", ".rb", ".pl", ".py", ".php", ".lua", "/index.js"];

/// The ends of the names of files that a module's name may stand for, and of a package's file.
const MODULES: [&str; 4] = [".pm", ".py", ".rb", "/__init__.py"];

/// How many names one script may have.
const MOST: usize = 500;

/// What a script reads. Names that are not absolute lie beside it, or in its `lib`.
pub(super) fn required(text: &str) -> Vec<Wanted> {
    let mut found = Vec::new();
    for line in
        text.lines().map(str::trim_start).filter(|line| !line.starts_with(['#', '*']) && !line.starts_with("//"))
    {
        let mut rest = line;
        while let Some(argument) = behind_keyword(&mut rest) {
            let statement = argument.split(';').next().unwrap_or_default();
            if let Some(path) = quoted(statement).map(without_variable).filter(|path| !path.is_empty()) {
                found.push(Wanted::First(beside(path, &ENDS)));
            }
            for module in statement.split(',').filter_map(module) {
                found.push(Wanted::First(beside(&module, &MODULES)));
                // A package and those that it lies in are read first, and others of these may be next.
                let packages =
                    module.match_indices('/').filter_map(|(end, _)| module.get(..end)).chain([module.as_str()]);
                found.extend(packages.map(|package| Wanted::All(format!("{package}/*.py"))));
            }
            if found.len() > MOST {
                return found;
            }
        }
    }
    found
}

/// What stands behind the next keyword of a line.
fn behind_keyword<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '@' | '-' | '.' | '/');
    loop {
        let start = rest.find(part)?;
        let word = rest.get(start..)?;
        let end = word.find(|c| !part(c)).unwrap_or(word.len());
        let (word, after) = word.split_at_checked(end)?;
        *rest = after;
        if KEYWORDS.contains(&word) {
            return Some(after.trim_start_matches([' ', '\t', '(']));
        }
    }
}

/// The first text in quotes.
fn quoted(text: &str) -> Option<&str> {
    let start = text.find(['"', '\''])?;
    let quote = text.get(start..=start)?;
    text.get(start + 1..)?.split(quote).next()
}

/// A path without the variable with which it begins, as in `"$Bin/../lib/x.pl"`.
fn without_variable(path: &str) -> &str {
    if !path.starts_with(['$', '#', '{']) {
        return path;
    }
    path.split_once('/').map_or("", |(_, rest)| rest)
}

/// The name of a module as a path: `Foo::Bar`, `foo.bar`, `.bar`.
fn module(word: &str) -> Option<String> {
    let word = word.trim_start();
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    let word = word.get(..word.find(|c| !part(c)).unwrap_or(word.len()))?;
    let path = word.replace("::", "/").replace('.', "/");
    let path = path.trim_matches(['/', ':']);
    path.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then(|| path.to_owned())
}

/// The paths that a name may stand for, beside the script and in `lib`. An absolute one may be the rest of one that the
/// script puts together (`__DIR__ . '/x.php'`).
fn beside(name: &str, ends: &[&str]) -> Vec<String> {
    let relative = name.trim_start_matches('/');
    let mut paths = Vec::new();
    for end in ends {
        paths.extend(name.starts_with('/').then(|| format!("{name}{end}")));
        paths.extend(["", "lib/", "../lib/"].map(|above| format!("{above}{relative}{end}")));
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_files_and_modules() {
        for (text, expected) in [
            ("require \"/srv/x.pl\";", "/srv/x.pl"),
            ("require 'conf.pl';", "conf.pl"),
            ("  do \"$Bin/../etc/conf.pl\" or die;", "../etc/conf.pl"),
            ("use Foo::Bar qw(x);", "Foo/Bar.pm"),
            ("require_relative 'x/y'", "x/y.rb"),
            ("const { x } = require(\"./x\")", "./x.js"),
            ("import x from './lib/x.mjs'", "./lib/x.mjs"),
            ("require_once __DIR__ . '/inc/x.php';", "inc/x.php"),
            ("import os, foo.bar as b", "foo/bar.py"),
            ("from .foo import bar", "foo.py"),
            ("from foo import bar", "foo/__init__.py"),
        ] {
            let found = required(text);
            let holds =
                |wanted: &Wanted| matches!(wanted, Wanted::First(paths) if paths.iter().any(|path| path == expected));
            assert!(found.iter().any(holds), "{text}: {found:?}");
        }
        for text in ["# require 'x'", "// import x", "\"required\" 'x'", "if use_it: x", "requires 'x'"] {
            assert_eq!(required(text), [], "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(require|use|from|é|[a-c.$/'\"(;:\n ]){0,40}") {
            required(&text);
        }
    }
}
