//! What lithify puts into volumes: this program, and hardened copies of directories.

pub mod install;
pub mod lock;
pub mod stage;
