//! Images that are hardened while they are built, and Docker Compose.

mod bake;
mod compose;
