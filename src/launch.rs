//! Starting the app: privileges, confinement, becoming it, staying as its first process.

pub mod exec;
pub mod init;
pub mod landlock;
pub mod privileges;
