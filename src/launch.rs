//! Starts the app: gives up privileges, confines, becomes the app, or stays as its first process.

pub mod duties;
pub mod event;
pub mod exec;
pub mod exit_codes;
pub mod init;
pub mod landlock;
pub mod leftover;
pub mod privileges;
pub mod signal_map;
pub mod terminal;
