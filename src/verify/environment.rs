//! `[verify.exposure] secrets_in_environment`: variables whose names say that they hold a secret. Only names are looked at
//! and reported; of a value, only whether there is one.

use super::{Evidence, Isolation, Status};
use crate::linux::proc::Task;

/// Words in the name of a variable that holds a secret.
const SECRET: [&[u8]; 12] = [
    b"PASSWORD",
    b"PASSWD",
    b"PASSPHRASE",
    b"SECRET",
    b"TOKEN",
    b"APIKEY",
    b"API_KEY",
    b"ACCESS_KEY",
    b"PRIVATE_KEY",
    b"CREDENTIAL",
    b"CONNECTION_STRING",
    b"_PWD",
];

/// Ends of the name of a variable that says where a secret is, or something else about it.
const NO_SECRET: [&[u8]; 10] =
    [b"_FILE", b"_PATH", b"_DIR", b"_NAME", b"_URL", b"_URI", b"_TTL", b"_ID", b"_LENGTH", b"_HOST"];

/// Names of known variables that the words do not tell.
const KNOWN: [&[u8]; 3] = [b"AWS_ACCESS_KEY_ID", b"PGPASS", b"MYSQL_PWD"];

pub(super) fn check(task: Task) -> (Status, Evidence) {
    match task.environment() {
        Ok(environment) => {
            let names = secrets(&environment);
            (if names.is_empty() { Status::Pass } else { Status::Fail }, Evidence::Isolation(Isolation::Names(names)))
        }
        Err(errno) => (Status::Unverified, Evidence::Os(errno)),
    }
}

/// The names of variables with a value that should be secret.
fn secrets(environment: &[u8]) -> Vec<Vec<u8>> {
    let variables = environment.split(|&byte| byte == 0).filter_map(|variable| {
        let (name, value) = variable.split_at_checked(variable.iter().position(|&byte| byte == b'=')?)?;
        (value.len() > 1 && names_a_secret(name)).then(|| name.to_vec())
    });
    variables.collect()
}

fn names_a_secret(name: &[u8]) -> bool {
    let name = name.to_ascii_uppercase();
    let has = |word: &&[u8]| name.windows(word.len()).any(|part| part == *word);
    KNOWN.contains(&name.as_slice()) || SECRET.iter().any(has) && !NO_SECRET.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for name in ["PWD", "OLDPWD", "POSTGRES_PASSWORD_FILE", "TOKEN_URL", "PATH", "SECRET_NAME", "HOME"] {
            assert!(secrets(format!("{name}=x\0").as_bytes()).is_empty(), "{name}");
        }
    }
}
