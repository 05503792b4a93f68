//! The state of the files: whether it is exactly the one that a digest or a manifest states.

use std::io::BufRead;

use super::check::{Check, Evidence, Status};
use super::{CheckId, Verification, Verified};
use crate::profile::Profile;
use crate::root::{Canonical, InRoot, Root};
use crate::seal::{
    After, AsIs, Change, Comparison, Digest, Each, Exclusions, ManifestError, Problem, Reader, Scope, Sealed, Sealing,
    View, seal,
};

/// Where runtimes mount what no image has.
const SECRETS: [&[u8]; 2] = [b"/run/secrets", b"/var/run/secrets"];

impl Verified<'_> {
    /// Checks that the files are those that `expected` states; for a dry run, that they will be. `max_file_size` is in
    /// bytes. Does nothing for a plan that was not carried out.
    pub fn check_digest(&mut self, expected: Digest, max_file_size: u64) {
        let Self { applied, verification, late, late_for_digest } = self;
        let (target, profile) = (applied.protected.target, applied.protected.profile);
        if !applied.plan.refusals.is_empty() || late.is_some() {
            return;
        }
        let root = &target.root;
        let checked = verification.get_or_insert_default();
        if applied.outcomes.is_none() {
            let mut as_is = AsIs;
            let mut after = After::new(root, &applied.plan, &mut as_is);
            checked.check_digest(root, profile, expected, max_file_size, &mut after);
        } else {
            checked.check_digest(root, profile, expected, max_file_size, &mut AsIs);
        }
        *late = root.deadline().exceeded();
        if late.is_some() {
            (*verification, *late_for_digest) = (None, true);
        }
    }
}

impl Verification {
    /// Checks that the files of `root`, as `view` has them, are those that `expected` states.
    pub fn check_digest(
        &mut self,
        root: &Root,
        profile: &Profile,
        expected: Digest,
        max_file_size: u64,
        view: &mut dyn View,
    ) {
        let id = CheckId::SealDigest;
        let sealed = look(root, profile, expected.scope, max_file_size, view, &mut |_| {});
        if let Some(found) = sealed.digest() {
            let status = if found == expected { Status::Pass } else { Status::Fail };
            let mounts = sealed.mounts.iter().filter(|mount| !is_secret(mount)).cloned().collect();
            self.checks.push(Check::at(b"/", id, status, Evidence::State { expected, found, mounts }));
        }
        self.unknown(id, sealed.problems);
    }

    /// Checks that the files of `root` are those that `manifest` states. `scope` is that of its digest. Fails if it
    /// cannot be read to its end.
    pub fn check_manifest(
        &mut self,
        root: &Root,
        profile: &Profile,
        manifest: &mut dyn BufRead,
        scope: Scope,
        max_file_size: u64,
    ) -> Result<(), ManifestError> {
        let id = CheckId::Seal;
        let mut reader = Reader::new(manifest)?;
        let mut comparison = Comparison::new(&mut reader);
        let sealed = look(root, profile, scope, max_file_size, &mut AsIs, &mut |entry| {
            comparison.entry(entry.path, entry.facts);
        });
        let differences = comparison.finish()?;
        let (begin, more) = (self.checks.len(), differences.more);
        // What a mount hides is one finding, and what cannot be looked at is not said to be gone.
        let mut hidden: Vec<u64> = sealed.mounts.iter().map(|_| 0).collect();
        for found in differences.into_list() {
            let path = InRoot(&found.path);
            if matches!(found.change, Change::Removed { .. }) {
                let mount = sealed.mounts.iter().position(|mount| path.is_within(mount) || mount.is_within(&path));
                if let Some(count) = mount.and_then(|mount| hidden.get_mut(mount)) {
                    *count += 1;
                    continue;
                }
                if sealed.problems.iter().any(|problem| path.is_within(place(problem))) {
                    continue;
                }
            }
            let evidence = Evidence::Differs(Box::new(found.change));
            self.checks.push(Check::at(&found.path, id, Status::Fail, evidence));
        }
        for (mount, count) in sealed.mounts.iter().zip(hidden).filter(|(_, count)| *count > 0) {
            self.checks.push(Check::at(mount, id, Status::Fail, Evidence::Hidden(count)));
        }
        if more > 0 {
            self.checks.push(Check::at(b"/", id, Status::Fail, Evidence::MoreDiffer(more)));
        }
        if self.checks.len() == begin && sealed.problems.is_empty() {
            self.checks.push(Check::at(b"/", id, Status::Pass, Evidence::Same(sealed.entries)));
        }
        self.unknown(id, sealed.problems);
        Ok(())
    }

    /// What could not be looked at: it is not known what the files are.
    fn unknown(&mut self, id: CheckId, problems: Vec<Problem>) {
        for problem in problems {
            let path = place(&problem).to_vec();
            self.checks.push(Check::at(&path, id, Status::Unverified, Evidence::Unsealed(problem)));
        }
    }
}

fn look(
    root: &Root,
    profile: &Profile,
    scope: Scope,
    max_file_size: u64,
    view: &mut dyn View,
    each: &mut Each<'_>,
) -> Sealed {
    let sealing = Sealing { scope, exclusions: Exclusions::of(root, profile, scope), max_file_size };
    seal(root, sealing, view, each)
}

fn is_secret(mount: &Canonical) -> bool {
    SECRETS.iter().any(|secrets| mount.is_within(secrets))
}

/// Where something could not be looked at.
fn place(problem: &Problem) -> &[u8] {
    match problem {
        Problem::Unreadable(error) => error.path(),
        Problem::Changed(path) | Problem::TooLarge { path, .. } => path,
    }
}
