//! The sums of everything, as sha256sum(1) checks them.

use crate::{Failure, Release, names, sha256};

/// The file that has them.
const NAME: &str = "SHA256SUMS";

/// Writes it.
pub(crate) fn write(release: &Release) -> Result<(), Failure> {
    let mut sums = String::new();
    for name in names(&release.dist)? {
        let path = release.dist.join(&name);
        if name != NAME && path.is_file() {
            sums += &[&*sha256(&std::fs::read(path)?), "  ", &*name, "\n"].concat();
        }
    }
    release.write(NAME, sums)?;
    Ok(())
}
