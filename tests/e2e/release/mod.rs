//! What a release holds, and that what people are told to check does check.

mod names;
