//! Accounts with a login shell, for `[strip] login_shells`.

use std::rc::Rc;

use super::{Collector, LoginShells};
use crate::harden::found::Cause;
use crate::recognise::accounts::nologin::with_login_shell;
use crate::root::{Entry, Kind, RootError};
use crate::text::escape::escape;

const PASSWD: &[u8] = b"/etc/passwd";

/// A longer file is no passwd(5) that we would rewrite.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Where distributions keep the program that turns a login away.
const NOLOGIN: [&str; 2] = ["/usr/sbin/nologin", "/sbin/nologin"];

impl Collector<'_> {
    pub(super) fn login_shells(&mut self) -> Result<(), RootError> {
        if !self.profile.strip.login_shells.as_ref().is_some_and(|flag| flag.value) {
            return Ok(());
        }
        let place = match self.root.walk(PASSWD, true) {
            Ok(place) if place.stat.kind == Kind::File => place,
            Ok(_) => return Ok(()),
            Err(error) if error.leads_nowhere() => return Ok(()),
            Err(error) => return self.unreadable(error),
        };
        let text = match self.root.read(PASSWD, MAX_BYTES) {
            Ok(text) => text,
            Err(error) => return self.unreadable(error),
        };
        let users: Vec<String> = with_login_shell(&text).map(|account| escape(account.name)).collect();
        let directory = place.directory();
        let parent = self.root.resolve(&directory)?;
        if users.is_empty() || self.kept.reason(&place.path, &place.stat).is_some() {
            return Ok(());
        }
        if text.len() as u64 == MAX_BYTES || place.stat.mount != parent.mount || !self.allowed.contains(&parent.mount) {
            let path = escape(&place.path);
            self.inventory.notes.push(format!(
                "{path} keeps the login shells of {}: it is on another mount, or longer than {MAX_BYTES} bytes",
                users.join(", ")
            ));
            return Ok(());
        }
        let found = |path: &&str| self.root.resolve(path.as_bytes()).is_ok_and(|stat| stat.kind == Kind::File);
        let shell = NOLOGIN.into_iter().find(found).unwrap_or(NOLOGIN[0]);
        let of = Rc::new(users.join(", "));
        let (name, stat) = (place.path.name(), place.stat);
        let entry = Entry { directory: &directory, parent: &parent, name, stat };
        let file = Rc::new(self.remembered(entry, 0, Cause::LoginShells { of }));
        self.inventory.login_shells = Some(LoginShells { file, shell });
        Ok(())
    }
}
