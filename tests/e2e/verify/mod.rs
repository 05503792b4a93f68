//! `verify`: what is proved, and what is not.

mod containers;
mod record;
