//! Bits and capabilities that `[strip]` clears.

use std::ffi::CStr;

use super::Strippable;
use super::selection::Selection;
use crate::harden::found::Cause;
use crate::profile::Sourced;
use crate::root::{Directory, Entry, Kind, RootError, Stat};

/// Adds what `[strip]` clears of this file, unless the file is kept. Files that go are dropped at the end, when they
/// are all known.
pub(super) fn strip(
    selection: &mut Selection<'_>,
    directory: &Directory,
    name: &CStr,
    stat: Stat,
    strippable: &mut Vec<Strippable>,
) -> Result<(), RootError> {
    // The bits of a device give nothing away: any user may write to /dev/null.
    if !matches!(stat.kind, Kind::File | Kind::Directory) {
        return Ok(());
    }
    let scope = selection.scope;
    let on = |flag: &Option<Sourced<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    let entry = Entry::new(directory, name, stat);
    let strip = &scope.profile.strip;
    let sticky = stat.kind == Kind::Directory && stat.mode & 0o1000 != 0;
    let mut bits = 0;
    if on(&strip.setid) && stat.kind == Kind::File {
        bits |= stat.mode & 0o6000;
    }
    if on(&strip.world_writable) && !sticky {
        bits |= stat.mode & 0o002;
    }
    let capabilities = on(&strip.file_capabilities)
        && stat.kind == Kind::File
        && (scope.root.is_capable(stat.id) || directory.has_capabilities(name, None)?);
    if bits == 0 && !capabilities || scope.kept.reason(&entry.path(), &stat).is_some() {
        return Ok(());
    }
    // Mount points and mounts that the profile does not name are left alone.
    if stat.mount == directory.own_stat().mount && scope.kept.mounts.contains(stat.mount) {
        let file = selection.removals.remember(entry, 0, Cause::Strip);
        strippable.push(Strippable { file, bits, capabilities });
    }
    Ok(())
}
