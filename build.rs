//! Leaves the unwind tables out of the released static binary: a panic aborts there, so nothing ever reads them, and
//! the standard library's alone take 140 kB. Leaves the comments out of the built-in profiles.

use std::env::var;
use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    profiles()?;
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
    Ok(())
}

/// Writes the built-in profiles for src/profile/builtin.rs, without the lines that are comments or empty: only people who
/// read the source read these.
fn profiles() -> io::Result<()> {
    println!("cargo:rerun-if-changed=profiles");
    let out = var("OUT_DIR").unwrap_or_default();
    for entry in fs::read_dir("profiles")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path)?;
            let said = text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.is_empty());
            let said = said.fold(String::new(), |text, line| text + line + "\n");
            fs::write(Path::new(&out).join(path.file_name().unwrap_or_default()), said)?;
        }
    }
    Ok(())
}
