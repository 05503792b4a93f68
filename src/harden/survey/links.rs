//! The chains of the links that rules name: each link on the way and the file at the end go, too.

use std::ffi::CString;
use std::rc::Rc;

use nix::errno::Errno;

use super::selection::{Scope, Selection};
use super::walk::Walked;
use crate::harden::found::Cause;
use crate::linux::filesystem::is_left_out;
use crate::recognise::catalogue::names_of_many;
use crate::root::{Canonical, Entry, Identity, Kind, Root, RootError, Stat};

/// The kernel's limit for links in one path resolution (`path_resolution(7)`).
const MAX_CHAIN: u32 = 40;

/// What the rules choose, including the targets of the links.
pub(super) struct Linked<'a> {
    pub walked: Walked<'a>,
    pub cut: Vec<Cut>,
}

/// A link that goes, and the multi-call program that it leads to, which stays.
pub(super) struct Cut {
    pub link: Canonical,
    pub program: Canonical,
    pub id: Identity,
}

impl<'a> Walked<'a> {
    /// Follows every link that a rule names. After that it is known which directories can be removed.
    pub(super) fn follow_links(mut self) -> Result<Linked<'a>, RootError> {
        let selection = &mut self.selection;
        let (mut cut, mut many) = (Vec::new(), None);
        for position in 0..selection.removals.len() {
            let Some(found) = selection.removals.get(position).filter(|found| found.stat.kind == Kind::Symlink) else {
                continue;
            };
            if found.cause == Cause::Rule {
                let (rule, directory, name) = (found.rule, found.parent.path(), found.name.to_vec());
                let many = many.get_or_insert_with(|| names_of_many().collect::<Vec<_>>());
                follow(selection, rule, directory, name, many, &mut cut)?;
            } else {
                selection.cuts = true;
            }
        }
        let staying = selection.saved.iter().map(|saved| &saved.path);
        for path in staying.chain(selection.skipped.iter().map(|skipped| &skipped.path)) {
            selection.removals.occupy_above(path);
        }
        Ok(Linked { walked: self, cut })
    }
}

fn follow(
    selection: &mut Selection<'_>,
    rule: usize,
    mut directory: Canonical,
    mut name: Vec<u8>,
    many: &[&str],
    cut: &mut Vec<Cut>,
) -> Result<(), RootError> {
    let Scope { root, kept, .. } = selection.scope;
    for depth in 1..=MAX_CHAIN {
        let link = directory.join(&name);
        let (parent, stat) = match hop(root, &mut directory, &mut name) {
            Ok(hop) => hop,
            // The link dangled before, or it is no longer a link: there is nothing to follow.
            Err(error) if error.leads_nowhere() || error.errno() == Errno::EINVAL => return Ok(()),
            Err(error) => return selection.unreadable.note(error),
        };
        // A link of procfs itself, such as /proc/self/exe, leads to a process, not to a file of this tree.
        let foreign = !kept.mounts.contains(stat.mount)
            && match root.filesystem(&directory) {
                Ok(filesystem) => is_left_out(filesystem),
                // Somebody removed it meanwhile.
                Err(error) if error.leads_nowhere() => true,
                Err(error) => return selection.unreadable.note(error),
            };
        if foreign || matches!(stat.kind, Kind::Directory | Kind::Other) {
            selection.cuts = true;
            return Ok(());
        }
        if stat.kind == Kind::File && many.iter().any(|known| known.as_bytes() == name) && link.name() != name {
            selection.cuts = true;
            cut.push(Cut { link, program: directory.join(&name), id: stat.id });
            return Ok(());
        }
        let entry = Entry { directory: &directory, parent: &parent, name: &name, stat };
        if !selection.add(entry, rule, Cause::Target { of: Rc::new(link), depth }) {
            selection.cuts = true;
            return Ok(());
        }
        if stat.kind == Kind::File {
            return Ok(());
        }
    }
    Ok(())
}

/// Makes one step along a chain: replaces the place of the link with the place that its text names. Returns the
/// directory and the file of the new place.
fn hop(root: &Root, directory: &mut Canonical, name: &mut Vec<u8>) -> Result<(Stat, Stat), RootError> {
    let handle = root.directory(directory)?;
    let c_name = CString::new(name.as_slice()).unwrap_or_default();
    let target = handle.read_link(&c_name)?;
    if is_plain(&target) {
        let next = CString::new(target.as_slice()).unwrap_or_default();
        let stat = handle.stat(&next)?;
        *name = target;
        return Ok((*handle.own_stat(), stat));
    }
    let place = root.walk_from(directory, &target, false)?;
    *name = place.path.name().to_vec();
    *directory = place.directory();
    let parent = root.resolve(&*directory)?;
    Ok((parent, place.stat))
}

/// Whether the text of a link is only a name in the same directory.
fn is_plain(target: &[u8]) -> bool {
    !target.is_empty() && !target.contains(&b'/') && target != b"." && target != b".."
}
