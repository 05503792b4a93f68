//! Leaves the unwind tables out of the released static binary: a panic aborts there, so nothing ever reads them, and
//! the standard library's alone take 140 kB.

use std::env::var;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=discard-unwind-tables.ld");
    let is = |key: &str, value: &str| var(key).as_deref() == Ok(value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_ENV", "musl") {
        let directory = var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rustc-link-arg-bin=lithify=-T{directory}/discard-unwind-tables.ld");
        // Relocations in 1 bit each in place of 24 bytes; musl's start code knows them since 1.2.4.
        println!("cargo:rustc-link-arg-bin=lithify=--pack-dyn-relocs=relr");
        // Functions with the same code are one; nothing here compares the addresses of functions.
        println!("cargo:rustc-link-arg-bin=lithify=--icf=all");
    }
}
