//! Programs by name, in the directories of `[remove] search`.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;

use crate::root::{Entry, Kind, Root, RootError};

/// Called with each program that has a wanted name and the rule that wants it, or with the error of something that
/// could not be looked at.
pub(crate) type EachProgram<'v> = dyn FnMut(Result<(Entry<'_>, usize), RootError>) -> Result<(), RootError> + 'v;

/// Looks through each of these directories once, for programs (regular files and links) with these names.
pub(crate) fn programs(
    root: &Root,
    search: &[&str],
    names: &HashMap<&[u8], usize>,
    each: &mut EachProgram<'_>,
) -> Result<(), RootError> {
    if names.is_empty() {
        return Ok(());
    }
    let mut seen = HashSet::new();
    for path in search {
        let directory = match root.walk(path.as_bytes(), true) {
            Ok(place) if place.stat.kind == Kind::Directory => {
                // `/bin` may be a link to `/usr/bin`, and a bind mount shows the same directory twice.
                if !seen.insert((place.stat.id, place.stat.mount)) {
                    continue;
                }
                root.directory(&place.path)
            }
            Ok(_) => continue,
            Err(error) if error.leads_nowhere() => continue,
            Err(error) => Err(error),
        };
        let directory = match directory {
            Ok(directory) => directory,
            Err(error) => {
                each(Err(error))?;
                continue;
            }
        };
        let mut picked: Vec<(CString, usize)> = Vec::new();
        directory.list(&mut |listed| {
            match listed {
                Ok((name, Kind::File | Kind::Symlink)) => {
                    picked.extend(names.get(name.to_bytes()).map(|rule| (name.to_owned(), *rule)));
                }
                Ok(_) => {}
                Err(error) => each(Err(error))?,
            }
            Ok(())
        })?;
        for (name, rule) in picked {
            match directory.entry(&name) {
                Ok(entry) if matches!(entry.stat.kind, Kind::File | Kind::Symlink) => each(Ok((entry, rule)))?,
                Ok(_) => {}
                Err(error) => each(Err(error))?,
            }
        }
    }
    Ok(())
}
