//! `[verify.exposure] secrets_in_environment`: variables whose names say that they hold a secret. Only names are looked at
//! and reported; of a value, only whether there is one.

use super::{Evidence, Isolation, Status};
use crate::linux::proc::Task;

/// Ends of a word in the name of a variable that holds a secret.
const SECRET: [&[u8]; 8] =
    [b"PASSWORD", b"PASSWD", b"PASSPHRASE", b"SECRET", b"TOKEN", b"APIKEY", b"CREDENTIAL", b"PASS"];

/// Several words that say it together.
const TOGETHER: [&[u8]; 5] = [b"API_KEY", b"ACCESS_KEY", b"PRIVATE_KEY", b"CONNECTION_STRING", b"_PWD"];

/// Ends of the name of a variable that says where a secret is, or something else about it.
const NO_SECRET: [&[u8]; 10] =
    [b"_FILE", b"_PATH", b"_DIR", b"_NAME", b"_URL", b"_URI", b"_TTL", b"_ID", b"_LENGTH", b"_HOST"];

/// Names of known variables that the words do not tell.
const KNOWN: [&[u8]; 1] = [b"AWS_ACCESS_KEY_ID"];

/// Looks at the environment of `task`, and at lithify's own if that `is_ours`: a probe and `kubectl exec` get what the
/// container's configuration says. A program that gives itself a title, as nginx does, writes over its environment.
pub(super) fn check(task: Task, is_ours: bool) -> (Status, Evidence) {
    let environment = match task.environment() {
        Ok(environment) => environment,
        Err(errno) => return (Status::Unverified, Evidence::Os(errno)),
    };
    let own = if is_ours { Task::Own.environment().unwrap_or_default() } else { Vec::new() };
    let mut names = secrets(&environment);
    names.extend(secrets(&own).into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
    let is_whole = !is_overwritten(&environment);
    if is_whole || !names.is_empty() {
        let status = if names.is_empty() { Status::Pass } else { Status::Fail };
        return (status, Evidence::Isolation(Isolation::Names(names)));
    }
    let status = if own.is_empty() { Status::Unverified } else { Status::Pass };
    (status, Evidence::Isolation(Isolation::EnvironmentOverwritten))
}

/// Whether this is not what execve(2) leaves: variables, each with a NUL byte at its end.
fn is_overwritten(environment: &[u8]) -> bool {
    let variables = match environment {
        [] => return false,
        [variables @ .., 0] => variables,
        _ => return true,
    };
    variables.split(|&byte| byte == 0).any(|variable| !variable.contains(&b'='))
}

/// The names of variables with a value that should be secret. What Kubernetes tells of the namespace's Services is none,
/// whatever they are called.
fn secrets(environment: &[u8]) -> Vec<Vec<u8>> {
    let variables: Vec<(&[u8], &[u8])> = environment
        .split(|&byte| byte == 0)
        .filter_map(|variable| variable.split_at_checked(variable.iter().position(|&byte| byte == b'=')?))
        .collect();
    let services: Vec<&[u8]> = variables.iter().filter_map(|(name, _)| name.strip_suffix(b"_SERVICE_HOST")).collect();
    let is_of_service = |name: &[u8]| {
        let rests = services.iter().filter_map(|service| name.strip_prefix(*service));
        rests
            .into_iter()
            .any(|rest| rest == b"_PORT" || rest.starts_with(b"_PORT_") || rest.starts_with(b"_SERVICE_PORT"))
    };
    let secret =
        variables.iter().filter(|(name, value)| value.len() > 1 && names_a_secret(name) && !is_of_service(name));
    secret.map(|(name, _)| name.to_vec()).collect()
}

fn names_a_secret(name: &[u8]) -> bool {
    let name = name.to_ascii_uppercase();
    let mut words = name.split(|byte| !byte.is_ascii_alphanumeric());
    let says = words.any(|word| SECRET.iter().any(|end| word.ends_with(end)))
        || TOGETHER.iter().any(|part| name.windows(part.len()).any(|window| window == *part));
    KNOWN.contains(&name.as_slice()) || says && !NO_SECRET.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_the_namespace_are_no_secrets() {
        let service = "TOKEN_API_SERVICE_HOST=10.0.0.9\0TOKEN_API_SERVICE_PORT=80\0TOKEN_API_SERVICE_PORT_HTTP=80\0\
                       TOKEN_API_PORT=tcp://10.0.0.9:80\0TOKEN_API_PORT_80_TCP=tcp://10.0.0.9:80\0\
                       TOKEN_API_PORT_80_TCP_PROTO=tcp\0TOKEN_API_PORT_80_TCP_ADDR=10.0.0.9\0";
        assert!(secrets(service.as_bytes()).is_empty());
        // Without the Service, and beside it.
        assert_eq!(secrets(b"TOKEN_API_PORT=x\0"), [b"TOKEN_API_PORT"]);
        assert_eq!(secrets([service.as_bytes(), b"TOKEN_API_KEY=x\0"].concat().as_slice()), [b"TOKEN_API_KEY"]);
    }

    #[test]
    fn an_environment_that_was_written_over() {
        for whole in ["", "A=1\0", "A=1\0B=\0"] {
            assert!(!is_overwritten(whole.as_bytes()), "{whole}");
        }
        for other in ["A=1", "\0\0\0", "nginx: master process\0", "A=1\0\0", "ter process\0A=1\0"] {
            assert!(is_overwritten(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn names_of_secrets() {
        for name in [
            "POSTGRES_PASSWORD",
            "db_password",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "GITHUB_TOKEN",
            "STRIPE_API_KEY",
            "MYSQL_PWD",
            "TLS_PRIVATE_KEY",
        ] {
            assert_eq!(secrets(format!("A=1\0{name}=x\0").as_bytes()), [name.as_bytes()]);
            assert!(secrets(format!("{name}=\0").as_bytes()).is_empty(), "{name} is empty");
        }
        for name in [
            "PWD",
            "OLDPWD",
            "POSTGRES_PASSWORD_FILE",
            "TOKEN_URL",
            "PATH",
            "SECRET_NAME",
            "HOME",
            "TOKENIZERS_PARALLELISM",
            "MAX_TOKENS",
        ] {
            assert!(secrets(format!("{name}=x\0").as_bytes()).is_empty(), "{name}");
        }
    }
}
