//! `verify`: what is proved, and what is not.

mod containers;
mod isolation;
mod settings;
mod silent;
mod standards;
mod unverified;
