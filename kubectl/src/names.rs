//! The names that lithify has in a manifest.

/// The file name of the program.
pub(crate) const LITHIFY: &str = "lithify";

/// Where the containers find the program.
pub(crate) const PROGRAM: &str = "/lithify/lithify";

/// The same where the volume is lithify's image.
pub(crate) const PROGRAM_OF_IMAGE: &str = "/lithify/bin/lithify";

/// Where the containers mount the volume that holds the program.
pub(crate) const MOUNT_POINT: &str = "/lithify";

/// That volume.
pub(crate) const VOLUME: &str = "lithify";

/// The init container that installs the program into it.
pub(crate) const INSTALLER: &str = "lithify";

/// Where a staging container mounts the volume that it fills.
pub(crate) const STAGE_POINT: &str = "/staged";

/// The annotation of a pod that says of which profile each container's digest was made: `CONTAINER=HEX`, separated by
/// commas.
pub(crate) const PROFILE_DIGEST: &str = "lithify.dev/profile-digest";

/// The most tries of a probe. The kubelet drops events of a pod that has too many different ones (`docs/waiting.md`).
pub(crate) const MOST_TRIES: u64 = 14;
