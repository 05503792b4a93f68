//! `harden`: what goes, what stays, and what nobody may bring it to do.

mod accounts;
mod allow_list;
mod app;
pub mod attack;
mod classes;
mod closure;
mod confinement;
mod deadline;
mod distroless;
mod host_guard;
mod identity;
mod interruption;
mod leads_on;
mod other_root;
mod overlay;
mod protection;
mod redis_and_python;
mod refusals;
mod removal;
mod second_look;
mod shared_volume;
mod startup_probe;
mod tombstone;
mod unreadable;
mod vast;
pub mod wait_for_app;
mod without_x;
