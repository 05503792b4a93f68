//! Starts the app: gives up privileges, confines, becomes the app, or stays as its first process.

pub mod exec;
pub mod init;
pub mod landlock;
pub mod privileges;
