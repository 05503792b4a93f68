//! Accounts with a login shell, for `[strip] login_shells`.

use std::rc::Rc;

use super::selection::{Scope, Selection};
use super::{LoginShells, Note};
use crate::harden::found::Cause;
use crate::recognise::accounts::nologin::with_login_shell;
use crate::root::{Entry, Kind, RootError};

const PASSWD: &[u8] = b"/etc/passwd";

/// A longer file is not rewritten.
pub const MAX_PASSWD: u64 = 4 * 1024 * 1024;

/// Where distributions have the program that refuses a login.
const NOLOGIN: [&str; 2] = ["/usr/sbin/nologin", "/sbin/nologin"];

/// The accounts whose login shell `[strip]` takes away; `None` if there are none.
pub(super) fn login_shells(
    selection: &mut Selection<'_>,
    notes: &mut Vec<Note>,
) -> Result<Option<LoginShells>, RootError> {
    let Scope { root, profile, kept, .. } = selection.scope;
    if !profile.strip.login_shells.as_ref().is_some_and(|flag| flag.value) {
        return Ok(None);
    }
    let place = match root.walk(PASSWD, true) {
        Ok(place) if place.stat.kind == Kind::File => place,
        Ok(_) => return Ok(None),
        Err(error) if error.leads_nowhere() => return Ok(None),
        Err(error) => return selection.unreadable.note(error).map(|()| None),
    };
    let text = match root.read(PASSWD, MAX_PASSWD) {
        Ok(text) => text,
        Err(error) => return selection.unreadable.note(error).map(|()| None),
    };
    let accounts: Vec<Vec<u8>> = with_login_shell(&text).map(|account| account.name.to_vec()).collect();
    let directory = place.directory();
    let parent = root.resolve(&directory)?;
    let (name, stat) = (place.path.name(), place.stat);
    if accounts.is_empty() || kept.reason(&place.path, &stat).is_some() {
        return Ok(None);
    }
    if text.len() as u64 == MAX_PASSWD || stat.mount != parent.mount || !kept.mounts.contains(parent.mount) {
        notes.push(Note::LoginShells { path: place.path, accounts });
        return Ok(None);
    }
    let found = |path: &&str| root.resolve(path.as_bytes()).is_ok_and(|stat| stat.kind == Kind::File);
    let shell = NOLOGIN.into_iter().find(found).unwrap_or(NOLOGIN[0]);
    let entry = Entry { directory: &directory, parent: &parent, name, stat };
    let of = Rc::new(accounts);
    Ok(Some(LoginShells { file: selection.removals.remember(entry, 0, Cause::LoginShells { of }), shell }))
}
