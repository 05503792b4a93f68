#!/usr/bin/env python3
"""Writes the figures of docs/supply-chain.md anew: release/supply-chain.py, after `just dist`.

Bytes are those of the functions in dist/lithify.debug, by the crate that each is of, so what was inlined counts where it
went. Lines with `unsafe` are counted in the source of each crate, comments left out, whether they are built or not.
"""

import glob
import json
import os
import re
import subprocess
import sys

PAGE = "docs/supply-chain.md"
PROGRAM = "dist/lithify.debug"
BILL = "dist/release/lithify-x86_64-linux.cdx.json"
# Of the standard library; what is of no crate is musl, in C, or what the linker made.
STD = {"core", "alloc", "std", "compiler_builtins", "hashbrown", "std_detect", "rustc_demangle", "panic_abort", "unwind", "__rustc", "rustc_literal_escaper"}


def bytes_by_crate():
    sizes = {}
    listed = subprocess.run(["nm", "--demangle", "--print-size", PROGRAM], check=True, capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        found = re.match(r"[0-9a-f]+ ([0-9a-f]+) [tTwW] (.*)", line)
        if not found:
            continue
        size, name = int(found[1], 16), found[2]
        # `<clap_builder::Arg as core::fmt::Debug>::fmt` is of the first.
        path = re.search(r"([A-Za-z_][A-Za-z0-9_]*)::", name)
        crate = path[1] if path else "musl"
        crate = "std" if crate in STD else crate
        sizes[crate] = sizes.get(crate, 0) + size
    return sizes


def unsafe_lines(directory):
    count = 0
    for path in glob.glob(directory + "/**/*.rs", recursive=True):
        if re.search(r"/(tests?|benches|examples)/", path[len(directory):]):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            count += sum(bool(re.search(r"\bunsafe\b", line)) and not line.lstrip().startswith("//") for line in file)
    return count


def main():
    home = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    with open(BILL) as file:
        bill = json.load(file)
    sizes = bytes_by_crate()
    with open(PAGE) as file:
        old = file.read()
    # Only of the first table: a later one has notes of some.
    reasons = dict(re.findall(r"^\| `([^`]+)` \|.*\| ([^|]*) \|$", old.split("\n## Bills")[0], re.MULTILINE))
    rows = []
    for one in bill["components"]:
        name, version = one["name"], one["version"]
        if one["scope"] != "required" or not one["purl"].startswith("pkg:cargo/") or "?" in one["purl"]:
            continue
        sources = glob.glob(f"{home}/registry/src/*/{name}-{version}")
        if not sources:
            sys.exit(f"{name} {version}: its source is not in {home}: run `cargo fetch`")
        rows.append((name, version, sizes.get(name.replace("-", "_"), 0), unsafe_lines(sources[0] + "/src")))
    version = next(one["version"] for one in bill["components"] if one["name"] == "core")
    musl = next(one["version"] for one in bill["components"] if one["name"] == "musl")
    library = sysroot + "/lib/rustlib/src/rust/library"
    rows.append(("std", version, sizes.get("std", 0), sum(unsafe_lines(f"{library}/{part}/src") for part in ["core", "alloc", "std"])))
    rows.append(("musl", musl, sizes.get("musl", 0), None))
    rows.append(("lithify", bill["metadata"]["component"]["version"], sizes.get("lithify", 0), unsafe_lines("src")))
    rows.sort(key=lambda row: (-row[2], row[0]))
    table = "".join(
        f"| `{name}` | {version} | {size:,} | {'C' if unsafe is None else f'{unsafe:,}'} | {reasons.get(name, 'WHY')} |\n"
        for name, version, size, unsafe in rows
    )
    new = re.sub(r"(\| crate \| version \| bytes \|[^\n]*\n\|[^\n]*\n)((?:\|[^\n]*\n)*)", lambda found: found[1] + table, old, count=1)
    with open(PAGE, "w") as file:
        file.write(new)
    if "| WHY |" in new:
        sys.exit(f"{PAGE}: say why, where it says WHY")


main()
