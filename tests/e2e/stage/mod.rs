//! `stage`: a hardened copy in a volume, whole or not there.

mod again;
mod attack;
mod copy;
mod fault_injection;
mod in_pod;
mod refusals;
