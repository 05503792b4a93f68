//! Images that are hardened while they are built, Docker Compose, and the picture of the README.

mod bake;
mod compose;
mod picture;
