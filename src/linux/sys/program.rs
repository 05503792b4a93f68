//! This program as it was started: its image in memory, its name, its environment.

use std::ffi::{CStr, CString};

use nix::libc;

/// The ELF header of this program, as it was loaded.
pub fn own_header() -> &'static [u8; 64] {
    unsafe extern "C" {
        #[link_name = "__ehdr_start"]
        static HEADER: [u8; 64];
    }
    // SAFETY: the linker defines the symbol in the first segment, which nothing writes to.
    unsafe { &HEADER }
}

/// Gives back the memory that this program's code takes. The kernel reads code that still runs from the file again.
pub fn release_code() {
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    let (start, end) = (&raw const __executable_start, &raw const etext);
    let length = end.addr().saturating_sub(start.addr()) & !4095;
    // SAFETY: the linker defines both symbols around headers, constants and code. These are private pages of a file
    // that nothing ever writes (relocations lie behind them), so no page loses anything.
    unsafe { libc::madvise(start.cast_mut().cast(), length, libc::MADV_DONTNEED) };
}

/// The path by which this program was started (`AT_EXECFN`, getauxval(3)). For a script, the path of the script.
pub fn exec_filename() -> Option<&'static CStr> {
    // SAFETY: getauxval only reads; what AT_EXECFN points to is a C string that lives as long as the process.
    unsafe {
        let address = libc::getauxval(libc::AT_EXECFN);
        (address != 0).then(|| CStr::from_ptr(address as *const libc::c_char))
    }
}

/// The environment as it is, with entries that have no `=`, which the standard library leaves out.
pub fn environment() -> Vec<CString> {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let mut entries = Vec::new();
    // SAFETY: the C library holds a list of C strings there with a null pointer at its end, or no list at all, and no
    // other thread changes it.
    unsafe {
        let mut next = environ;
        while !next.is_null() && !(*next).is_null() {
            entries.push(CStr::from_ptr(*next).to_owned());
            next = next.add(1);
        }
    }
    entries
}

/// Removes all variables whose name begins with `prefix` from the environment, then adds `variables`. The caller must
/// run only one thread.
pub fn replace_variables(prefix: &str, variables: &[(String, String)]) {
    let old: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
    for name in old.iter().filter(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
        // SAFETY: there is no other thread that could read the environment.
        unsafe { std::env::remove_var(name) };
    }
    for (name, value) in variables {
        // SAFETY: the same.
        unsafe { std::env::set_var(name, value) };
    }
}
