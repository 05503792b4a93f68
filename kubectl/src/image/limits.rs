//! What an image may cost: a hostile one is refused instead of filling the disk or the memory.

/// The longest manifest, index or configuration.
pub(super) const MAX_JSON: u64 = 4 * 1024 * 1024;

/// How many indexes may stand in one another.
pub(super) const MAX_NESTED: u32 = 4;

/// What may grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most bytes of one file.
    pub(crate) file: u64,
    /// The most bytes of all contents, with what later layers replace.
    pub(crate) total: u64,
    /// The most entries of an archive. The largest images of known registries have a quarter of it.
    pub(crate) entries: u64,
    /// The most names that are looked up while paths are resolved. Links make long ways out of short paths.
    pub(crate) lookups: u64,
}

impl Limits {
    /// With these sizes, which options set.
    pub(crate) fn new(file: u64, total: u64) -> Self {
        Self { file, total, entries: 1_000_000, lookups: 50_000_000 }
    }
}
