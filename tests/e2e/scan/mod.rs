//! `scan`: what an intruder would find.

mod accounts;
mod app;
mod catalogue;
mod findings;
mod gtfobins;
mod known;
mod programs;
