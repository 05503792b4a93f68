//! The one walk through the tree: programs by class, executables that are not on an allow-list, bits to strip, and
//! directories to look at again for other names and links.

use std::ffi::CStr;
use std::rc::Rc;

use super::classes::Classes;
use super::libraries::Libraries;
use super::named::Named;
use super::others::Others;
use super::selection::{Scope, Selection};
use super::strip::strip;
use super::{Depth, Note, Strippable};
use crate::harden::found::Parent;
use crate::harden::protection::Protection;
use crate::linux::filesystem::is_left_out;
use crate::root::{Directory, Kind, Look, RootError, Visitor, walk_tree};

/// What the rules choose, including those by class and the allow-list.
pub(super) struct Walked<'a> {
    pub selection: Selection<'a>,
    pub strippable: Vec<Strippable>,
    /// The directories to look at again; `None` if no rule needed the walk.
    pub noted: Option<Vec<Noted>>,
    pub notes: Vec<Note>,
}

/// A directory that holds links, or files with several names.
pub(super) struct Noted {
    /// The directory.
    pub at: Rc<Parent>,
    /// What is looked at in it.
    pub look: Look,
    /// Whether it holds files with several names.
    pub files: bool,
}

impl<'a> Named<'a> {
    /// Walks through the tree if a rule needs it.
    pub(super) fn walk(self, libraries: &Libraries, protection: &Protection) -> Result<Walked<'a>, RootError> {
        let Scope { root, profile, depth, .. } = self.selection.scope;
        let mut walked = Walked { selection: self.selection, strippable: Vec::new(), noted: None, notes: Vec::new() };
        if depth == Depth::Names {
            return Ok(walked);
        }
        let (classes, others) = (Classes::of(&mut walked.selection)?, Others::of(walked.selection.scope));
        if classes.is_none() && others.is_none() && !profile.strips() {
            return Ok(walked);
        }
        let (selection, jobs, noting) =
            (&mut walked.selection, Jobs { classes, others, libraries }, depth == Depth::Full);
        let mut walk =
            TreeWalk { selection, jobs: Some(jobs), noting, files: true, strippable: Vec::new(), noted: Vec::new() };
        walk_tree(root, &mut walk)?;
        (walked.strippable, walked.noted) = (walk.strippable, Some(walk.noted));
        let (classes, others) = walk.jobs.map(|jobs| (jobs.classes, jobs.others)).unwrap_or_default();
        if let Some(classes) = classes {
            classes.choose(&mut walked.selection, protection, &mut walked.notes);
        }
        if let Some(others) = others {
            others.choose(&mut walked.selection);
        }
        Ok(walked)
    }
}

/// The directories to look at again for links to what goes and, with `files`, for other names of it.
pub(super) fn note(selection: &mut Selection<'_>, files: bool) -> Result<Vec<Noted>, RootError> {
    let root = selection.scope.root;
    let mut walk = TreeWalk { selection, jobs: None, noting: true, files, strippable: Vec::new(), noted: Vec::new() };
    walk_tree(root, &mut walk)?;
    Ok(walk.noted)
}

/// What is done with each file.
struct Jobs<'l> {
    classes: Option<Classes>,
    others: Option<Others>,
    libraries: &'l Libraries,
}

struct TreeWalk<'s, 'a, 'l> {
    selection: &'s mut Selection<'a>,
    jobs: Option<Jobs<'l>>,
    /// Whether directories to look at again are noted.
    noting: bool,
    /// Whether each file is looked at. If not, files with several names are not noted.
    files: bool,
    strippable: Vec<Strippable>,
    noted: Vec<Noted>,
}

impl TreeWalk<'_, '_, '_> {
    /// Notes that the links of this directory are to be looked at again and, with `files`, its files, too.
    fn note(&mut self, directory: &Directory, look: Look, files: bool) {
        let id = directory.own_stat().id;
        match self.noted.last_mut() {
            Some(last) if last.at.id == id => last.files |= files,
            _ => {
                let at = self.selection.removals.directory(directory.path(), id);
                self.noted.push(Noted { at, look, files });
            }
        }
    }

    fn file(&mut self, directory: &Directory, look: Look, name: &CStr) -> Result<(), RootError> {
        let details = directory.details(name)?;
        let stat = details.stat;
        if stat.nlink > 1 && self.noting {
            self.note(directory, Look::All, true);
        }
        let Some(Jobs { classes, others, libraries }) = &mut self.jobs else { return Ok(()) };
        let selection = &mut *self.selection;
        let looked = strip(selection, directory, name, stat, &mut self.strippable).and_then(|()| match classes {
            Some(classes) => classes.look(selection, directory, name, &details),
            None => Ok(()),
        });
        looked.or_else(|error| selection.unreadable.note(error))?;
        // An allow-list reaches only what it can be led to over mounts that it reaches.
        match others.as_mut().filter(|_| look == Look::All) {
            Some(others) => others.look(selection, libraries, directory, name, &details),
            None => Ok(()),
        }
    }
}

impl Visitor for TreeWalk<'_, '_, '_> {
    fn entry(&mut self, directory: &Directory, look: Look, name: &CStr, kind: Kind) -> Result<(), RootError> {
        match kind {
            Kind::Symlink if self.noting => self.note(directory, look, false),
            Kind::File | Kind::Other if self.files && look != Look::Links => return self.file(directory, look, name),
            _ => {}
        }
        Ok(())
    }

    fn enter(
        &mut self,
        parent: &Directory,
        look: Look,
        name: &CStr,
        child: &Directory,
    ) -> Result<Option<Look>, RootError> {
        let stat = *child.own_stat();
        let scope = self.selection.scope;
        if self.jobs.is_some() && look != Look::Links && stat.mount == parent.own_stat().mount {
            strip(self.selection, parent, name, stat, &mut self.strippable)?;
        }
        Ok(if scope.kept.mounts.contains(stat.mount) {
            Some(if look == Look::All { Look::All } else { Look::Beyond })
        } else if self.noting && !is_left_out(scope.root.filesystem_of(child)?) {
            Some(Look::Links)
        } else {
            None
        })
    }

    fn failed(&mut self, error: RootError) -> Result<(), RootError> {
        self.selection.unreadable.note(error)
    }
}
