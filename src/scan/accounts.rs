//! Accounts that help an intruder: those that can log in, those that need no password, and accounts other than root
//! that have uid 0.

use std::collections::HashSet;

use nix::errno::Errno;

use super::{Gap, Scanner, Weakness};
use crate::recognise::accounts::{LIMIT, accounts, without_password};
use crate::root::{Identity, Kind, Root, RootError};
use crate::text::escape::{escape, escape_cut};

const PASSWD: &[u8] = b"/etc/passwd";
const SHADOW: &[u8] = b"/etc/shadow";

/// Adds the weak accounts of passwd(5) and shadow(5). Call it last: it needs to know the tombstones.
pub(super) fn look(scanner: &mut Scanner<'_>) {
    let (root, found) = (scanner.root, &mut scanner.found);
    let passwd = match read(root, PASSWD) {
        Ok(text) => text,
        Err(error) => return found.unreadable.push(error),
    };
    let (shadow, unreadable) = match read(root, SHADOW) {
        Ok(text) => (text, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let without_password = without_password(&shadow);
    for account in accounts(&passwd) {
        let name = escape_cut(account.name);
        let mut weakness = |class, path: &[u8], detail| {
            found.weaknesses.push(Weakness { class, path: path.to_vec(), account: Some(name.clone()), detail });
        };
        if account.has_empty_password(&without_password) {
            let file = if account.password.is_empty() { PASSWD } else { SHADOW };
            weakness("empty-password", file, format!("{name} needs no password"));
        }
        if account.uid.loosely() == Some(0) && account.name != b"root" {
            weakness("uid-0", PASSWD, format!("{name} is root by another name"));
        }
        let Some(shell) = account.login_shell() else { continue };
        let id = account.uid.loosely().map_or_else(|| "no uid".to_owned(), |uid| format!("uid {uid}"));
        if can_run(root, shell, scanner.recogniser.tombstones()) {
            weakness("login-shell", PASSWD, format!("{name} ({id}) has {}", escape_cut(shell)));
        } else {
            found.notes.push(format!(
                "{} gives {name} ({id}) the shell {}, which is not there to be run, so nobody can log in with it",
                escape(PASSWD),
                escape_cut(shell)
            ));
        }
    }
    // Only whoever can read shadow(5) can tell. Accounts that do not refer to it are judged without it.
    if let Some(error) = unreadable.filter(|_| accounts(&passwd).any(|account| account.password == b"x")) {
        found.gaps.push(Gap {
            class: "empty-password",
            reason: format!("{error}; only root knows whether an account needs no password"),
            only_if_named: false,
        });
    }
}

/// Reads the whole file. Returns nothing if the file does not exist.
fn read(root: &Root, path: &[u8]) -> Result<Vec<u8>, RootError> {
    match root.read(path, LIMIT) {
        Ok(text) if text.len() as u64 == LIMIT => Err(RootError::os("read", path, Errno::EFBIG)),
        Err(error) if error.leads_nowhere() => Ok(Vec::new()),
        result => result,
    }
}

/// Whether the shell can be run. Assumes so if that cannot be told. A tombstone lets nobody in.
fn can_run(root: &Root, shell: &[u8], tombstones: &HashSet<Identity>) -> bool {
    match root.resolve(shell) {
        Ok(stat) => stat.kind == Kind::File && stat.mode & 0o111 != 0 && !tombstones.contains(&stat.id),
        Err(error) => !error.leads_nowhere(),
    }
}
