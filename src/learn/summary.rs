//! What was seen, file by file and in order.

use super::image::{Image, last_links};
use super::observed::{Credentials, Gap, Library, Observed, Program, Role};
use super::seen::Seen;
use crate::recognise::elf::Elf;
use crate::root::{Canonical, Root};
use crate::text::order::sort_by;

impl Seen<'_> {
    /// Everything that was seen, but for what was written.
    pub fn observed(mut self) -> Observed {
        let mut programs = Vec::new();
        for image in &self.images {
            add_image(self.root, &self.images, image, &mut programs);
        }
        sort_by(&mut programs, |a, b| a.path.cmp(&b.path));
        let mut programs = merge(programs);
        programs.retain(|program| {
            let is_there = self.root.stat_at(&program.path).is_ok();
            if !is_there {
                self.gaps.push(Gap::NoPath(program.path.to_vec()));
            }
            is_there
        });
        let is_program = |path: &Canonical| programs.iter().any(|program| program.path == *path);
        let images = std::mem::take(&mut self.images);
        let paths = |numbers: &[u32]| {
            let paths = numbers.iter().filter_map(|number| images.get(*number as usize)?.program.as_ref().ok());
            in_order(paths.cloned().collect())
        };
        let libraries = self.libraries.iter().filter(|(path, _)| !is_program(path));
        let mut libraries: Vec<Library> =
            libraries.map(|(path, by)| Library { path: path.clone(), by: paths(by) }).collect();
        sort_by(&mut libraries, |a, b| a.path.cmp(&b.path));
        let credentials = self.credentials.iter();
        let mut credentials: Vec<Credentials> =
            credentials.map(|(one, by)| Credentials { by: paths(by), ..one.clone() }).collect();
        sort_by(&mut credentials, Ord::cmp);
        sort_by(&mut self.ports, Ord::cmp);
        for image in &images {
            if let Err(shown) = &image.program {
                self.gaps.push(Gap::NoPath(shown.clone()));
            }
        }
        if self.unmapped > 0 {
            self.gaps.push(Gap::NoMappings(self.unmapped));
        }
        sort_by(&mut self.gaps, |a, b| place(a).cmp(&place(b)));
        self.gaps.dedup();
        Observed { programs, libraries, credentials, ports: self.ports, gaps: self.gaps, ..Observed::default() }
    }
}

/// Adds what was executed when an image was started: the program, its loader, and scripts.
fn add_image(root: &Root, images: &[Image], image: &Image, programs: &mut Vec<Program>) {
    let names = image.by.iter().filter_map(|number| Some(images.get(*number as usize)?.name.clone()));
    let by: Vec<Vec<u8>> = names.collect();
    // What the app is once, it may also be by somebody's start.
    let first = if image.app { vec![Role::App] } else { vec![] };
    let child = if by.is_empty() { vec![] } else { vec![Role::Child] };
    let first = [first, child].concat();
    let times = image.times;
    for (number, (path, links)) in image.scripts.iter().enumerate() {
        let role = if number == 0 { first.clone() } else { vec![Role::Interpreter] };
        let roles = [role, vec![Role::Script]].concat();
        let program =
            Program { path: path.clone(), links: links.clone(), roles, scripts: vec![], by: by.clone(), times };
        programs.push(program);
    }
    let Ok(path) = &image.program else { return };
    let roles = match (image.scripts.is_empty(), first.is_empty()) {
        (false, _) => vec![Role::Interpreter],
        // It ran already, or nobody knows who started it.
        (true, true) => vec![Role::Child],
        (true, false) => first,
    };
    let scripts = image.scripts.iter().map(|(path, _)| path).chain(&image.arguments).cloned().collect();
    programs.push(Program { path: path.clone(), links: image.links.clone(), roles, scripts, by, times });
    if let Ok(Some(Elf::Program { interpreter: Some(loader), .. })) = root.classify(path) {
        if let Ok(place) = root.walk(&loader, true) {
            let (links, roles) = (last_links(&place), vec![Role::Loader]);
            programs.push(Program { path: place.path, links, roles, scripts: vec![], by: vec![], times: 0 });
        }
    }
}

/// Joins the programs of the same path, which stand beside each other.
fn merge(programs: Vec<Program>) -> Vec<Program> {
    let mut merged: Vec<Program> = Vec::new();
    for program in programs {
        match merged.last_mut().filter(|last| last.path == program.path) {
            Some(last) => {
                last.links.extend(program.links);
                last.roles.extend(program.roles);
                last.scripts.extend(program.scripts);
                last.by.extend(program.by);
                last.times = last.times.saturating_add(program.times);
            }
            None => merged.push(program),
        }
    }
    for program in &mut merged {
        program.links = in_order(std::mem::take(&mut program.links));
        program.scripts = in_order(std::mem::take(&mut program.scripts));
        sort_by(&mut program.roles, Ord::cmp);
        program.roles.dedup();
        sort_by(&mut program.by, Ord::cmp);
        program.by.dedup();
    }
    merged
}

fn in_order(mut paths: Vec<Canonical>) -> Vec<Canonical> {
    sort_by(&mut paths, Ord::cmp);
    paths.dedup();
    paths
}

/// The place of a gap among the others.
fn place(gap: &Gap) -> (u8, &[u8]) {
    match gap {
        Gap::NotTraced(_) => (0, b""),
        Gap::RanAlready => (1, b""),
        Gap::NoProc(_) => (2, b""),
        Gap::NoMappings(_) => (3, b""),
        Gap::Privileged(path) => (4, path),
        Gap::NoPath(path) => (5, path),
    }
}
