//! What an app needs, by watching it.

pub mod observed;
