//! What makes a report of `verify` a record for an audit: what was verified, where and when.

use std::ffi::OsString;

use serde::{Serialize, Serializer};

use crate::linux::time::Time;
use crate::seal::Digest;
use crate::text::escape::escape;

/// The record. Whoever started lithify chose the variables; the API server knows better.
#[derive(Debug)]
pub struct Record {
    /// When verification began.
    pub time: Time,
    /// The host name, as `uname -n` prints it: in a pod that is the pod's, unless it uses the node's network.
    pub host: OsString,
    /// The variables of the downward API, each `None` if it is not set or empty, in the order of [`VARIABLES`].
    pub place: [Option<OsString>; 3],
    /// The SHA-256 of what `profile show --format json` prints of the effective profile; `None` without a profile.
    pub profile: Option<[u8; 32]>,
    /// What `--digest` or its variable says that the files must be.
    pub seal: Option<Digest>,
    /// The digest of the manifest of `--seal`.
    pub manifest: Option<Digest>,
}

/// The variables that Kubernetes' documentation gives to `metadata.name`, `metadata.namespace` and `spec.nodeName`.
pub const VARIABLES: [&str; 3] = ["POD_NAME", "POD_NAMESPACE", "NODE_NAME"];

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [pod, namespace, node] =
            self.place.each_ref().map(|value| Some(escape(value.as_ref()?.as_encoded_bytes())));
        let [seal, manifest] = [self.seal, self.manifest].map(|digest| Some(digest?.to_string()));
        let profile = self
            .profile
            .map(|sha256| sha256.iter().fold("sha256:".to_owned(), |hex, byte| hex + &format!("{byte:02x}")));
        // One loop is smaller than a field of its own type for each.
        serializer.collect_map([
            ("time", Some(self.time.utc())),
            ("host", Some(escape(self.host.as_encoded_bytes()))),
            ("pod", pod),
            ("namespace", namespace),
            ("node", node),
            ("profile_digest", profile),
            ("seal_digest", seal),
            ("manifest_digest", manifest),
        ])
    }
}
