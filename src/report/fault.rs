//! What lithify says of a fault of its own, for which the build that is shipped has no panic message.

use std::fmt::{Display, Formatter, Result};

/// An instruction at which lithify gave up.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its address in the program file (CONTRIBUTING.md says how to find its place in the source).
    pub address: usize,
    /// Whether the system had just refused memory: then this is the fault of a limit.
    pub out_of_memory: bool,
}

impl Fault {
    /// Bytes of the longest line.
    pub const LONGEST: usize = 256;
}

impl Display for Fault {
    /// One line, made without an allocation.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let (what, then) = if self.out_of_memory {
            ("got no more memory and stopped", "raise the limit (ulimit -v) and run it again")
        } else {
            ("failed by a fault of its own", "run it again, and report this line")
        };
        let version = env!("CARGO_PKG_VERSION");
        let address = self.address;
        writeln!(
            formatter,
            "lithify {version} {what} at address {address:#x} of its program: nothing is certain about what was done; {then}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_ran_out_is_told_from_a_mistake() {
        let said = |out_of_memory| Fault { address: 0x1f2a3, out_of_memory }.to_string();
        assert!(said(false).contains("failed by a fault of its own at address 0x1f2a3 of its program"));
        assert!(said(true).contains("got no more memory") && said(true).contains("ulimit -v"));
        let longest = Fault { address: usize::MAX, out_of_memory: false }.to_string();
        assert!(longest.len() <= Fault::LONGEST, "{longest}");
    }
}
