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

/// A record as JSON.
#[derive(Serialize)]
struct Json<'a> {
    time: String,
    host: String,
    pod: Option<String>,
    namespace: Option<String>,
    node: Option<String>,
    profile_digest: Option<String>,
    seal_digest: Option<&'a str>,
    manifest_digest: Option<&'a str>,
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [pod, namespace, node] =
            self.place.each_ref().map(|value| value.as_ref().map(|value| escape(value.as_encoded_bytes())));
        let digests = [self.seal, self.manifest].map(|digest| digest.map(|digest| digest.to_string()));
        let hex =
            |sha256: &[u8; 32]| sha256.iter().fold("sha256:".to_owned(), |hex, byte| hex + &format!("{byte:02x}"));
        Json {
            time: self.time.utc(),
            host: escape(self.host.as_encoded_bytes()),
            pod,
            namespace,
            node,
            profile_digest: self.profile.as_ref().map(hex),
            seal_digest: digests[0].as_deref(),
            manifest_digest: digests[1].as_deref(),
        }
        .serialize(serializer)
    }
}
