//! Manifests as YAML: read with the place of each part, edited in place, then read again and compared.

mod apply;
mod change;
mod edit;
mod emit;
mod failure;
mod items;
mod json;
mod layout;
mod node;
mod read;
mod splice;
mod value;

pub use apply::{Changed, apply};
pub use change::{Changes, Path};
pub use edit::Edit;
pub(crate) use json::printable;
pub use node::Node;
pub use read::{Document, read};
pub use value::{Style, Value};
