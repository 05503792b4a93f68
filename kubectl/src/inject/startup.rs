//! A startupProbe of the app: its target becomes `--wait-for`, and the app keeps the time that the probe gave it.

use crate::manifest::timing::Timing;
use crate::manifest::workload::Container;
use crate::names::MOST_TRIES;
use crate::yaml::Node;
use lithify::probe::Target;

/// The wait of a startupProbe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The key of its handler, which `exec` replaces.
    pub(crate) handler: &'static str,
    /// The value for `--wait-for`.
    pub(crate) target: String,
    /// How many seconds the app had to start. The kubelet's defaults stand in for missing fields.
    pub(crate) budget: u64,
}

/// Why lithify cannot wait for the same, and the manual fix.
pub(crate) type Unsupported = (String, &'static str);

/// Reads a probe.
pub(crate) fn wait_of(probe: &Node, container: &Container<'_>) -> Result<Wait, Unsupported> {
    let budget = Timing::of(probe).seconds();
    let done = |handler, target: String| {
        Target::parse(&target).map_err(|error| {
            (error.to_string(), "give it a host and port that lithify can reach from inside the container")
        })?;
        Ok(Wait { handler, target, budget })
    };
    if let Some(tcp) = probe.get("tcpSocket") {
        return done("tcpSocket", format!("tcp:{}", endpoint(tcp, container)?));
    }
    let Some(http) = probe.get("httpGet") else {
        return Err(match ["exec", "grpc"].into_iter().find(|key| probe.get(key).is_some()) {
            Some("exec") => (
                "it runs a program, and lithify does not start others".to_owned(),
                "let harden be the startupProbe, with --wait-for tcp:, http: or file:, and what it ran a readinessProbe",
            ),
            Some(_) => (
                "lithify does not speak gRPC".to_owned(),
                "wait for the port: make it tcpSocket with the same port, and keep grpc as the readinessProbe",
            ),
            None => ("it has no handler that is known".to_owned(), "see the Kubernetes API, Probe"),
        });
    };
    if http.text_of("scheme").is_some_and(|scheme| !matches!(scheme, "" | "HTTP")) {
        return Err((
            "lithify does not speak TLS".to_owned(),
            "wait for the port: make it tcpSocket with the same port, and keep httpGet as the readinessProbe",
        ));
    }
    if http.get("httpHeaders").is_some_and(|headers| !headers.items().is_empty()) {
        return Err((
            "lithify sends no headers of yours".to_owned(),
            "leave out httpHeaders, or make it tcpSocket with the same port, and keep httpGet as the readinessProbe",
        ));
    }
    let path = http.text_of("path").unwrap_or("/");
    let slash = if path.starts_with('/') { "" } else { "/" };
    done("httpGet", format!("http://{}{slash}{path}", endpoint(http, container)?))
}

/// The address of a handler, as seen from inside the container. Without a host, the kubelet asks the pod's own address.
fn endpoint(handler: &Node, container: &Container<'_>) -> Result<String, Unsupported> {
    let host = handler.text_of("host").filter(|host| !host.is_empty()).unwrap_or("127.0.0.1");
    let known = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok();
    if !known {
        return Err((
            format!("its host {host:?} is a name, and lithify asks no DNS server"),
            "leave out host, or give an address",
        ));
    }
    let port = handler.text_of("port").unwrap_or_default();
    let Some(port) = container.port(port) else {
        return Err((
            format!("its port {port:?} is neither a number nor the name of one of the container's ports"),
            "give the number",
        ));
    };
    Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

/// `periodSeconds` and `failureThreshold` by which [`MOST_TRIES`] tries take longer than the wait.
pub(crate) fn tries(wait: u64) -> (u64, u64) {
    ((wait / MOST_TRIES + 1).max(5), MOST_TRIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_fits_into_its_tries() {
        assert_eq!(tries(60), (5, 14));
        for wait in 0..4000 {
            let (period, tries) = tries(wait);
            assert!(period >= 5 && tries < 15 && period * tries > wait, "{wait}");
        }
    }
}
