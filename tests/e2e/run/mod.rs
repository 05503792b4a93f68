//! `run`: hardens as the container's entrypoint, gives up privileges and starts the app.

mod after_start;
mod drop_in;
mod entrypoint;
mod init;
mod landlock;
mod leftover;
mod many;
mod privileges;
mod reach;
mod remapped;
mod start;
mod started;
mod terminal;
