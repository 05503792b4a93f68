# The project's tasks; CI calls these and nothing else.

target := "x86_64-unknown-linux-musl"

# Everything that CI checks, in its order
ci: fmt lint test aarch64 release kubectl size dist reproducible bench fuzz deny

# Formatting
fmt:
    cargo fmt --all --check
    cd fuzz && cargo fmt --check

# Clippy, as errors
lint:
    cargo clippy --workspace --locked --all-targets -- -D warnings
    cd fuzz && cargo clippy --locked --all-targets -- -D warnings

# The static binary with the stable toolchain as it is
build:
    cargo build --locked --release --target {{target}}

# The binary that we ship, dist/lithify: the standard library rebuilt for size; dist/lithify.debug is the same with symbols
release:
    release/build.sh lithify x86_64 dist/lithify

# The kubectl plugin, dist/kubectl-lithify: copy it to a directory of PATH
kubectl:
    release/build.sh kubectl-lithify x86_64 dist/kubectl-lithify
    dist/kubectl-lithify lint --filename examples/startup-probe.yaml --profile nginx

# Everything that a release holds, dist/release: programs for both architectures, images, packages, bills of materials
dist:
    release/dist.sh

# Builds lithify again elsewhere, later, and compares all of dist/release with what is made of it
reproducible:
    release/twice.sh lithify

# The same for all programs
dist-twice: dist
    release/twice.sh all

# All tests; see CONTRIBUTING.md for running some
test *ARGS:
    tests/run.sh {{ARGS}}

# Real apps of Debian's packages: all of docs/apps.md, profiles/apps and docs/learn.md, of which `just test` runs the quick ones
apps:
    tests/run.sh -E 'test(/^apps::/)'

# On the other architecture, under qemu-user, which knows no openat2: the unit tests of all but Root, the end-to-end tests as far as qemu goes, and the digest of the same files, which is the same
aarch64: build
    cargo nextest run --locked --lib --target aarch64-unknown-linux-musl -E 'not test(/^root::/)'
    tests/aarch64.sh
    qemu-aarch64-static target/aarch64-unknown-linux-musl/release/lithify seal --root tests | grep -Fx "$(target/{{target}}/release/lithify seal --root tests)"

# The size budgets
size:
    tests/size.sh

# Time, memory and system calls: harden and scan against busybox rm, find and cat, seal against sha256sum and aide, [verify.drift] against find, run against tini and dumb-init, stage against cp -a, what a pod's commands need; fails when a budget is broken
bench: build
    #!/bin/sh
    # All of them, also where one breaks its budget.
    failed=
    for bench in harden scan seal drift init learn stage wait resources; do
      echo "benches/$bench.sh"
      benches/$bench.sh || failed="$failed $bench"
    done
    benches/page.sh --check || failed="$failed page"
    [ -z "$failed" ] || { echo "failed:$failed"; exit 1; }

# What lithify costs against what one would run instead, measured anew: writes docs/performance.md; 10 minutes, judges nothing
figures: release
    benches/figures.sh
    benches/bytes.sh
    benches/page.sh

# How CPU and memory grow up to a million files, measured anew: writes docs/performance.md; needs 6 GB of memory
bench-growth: release
    benches/growth.sh
    benches/page.sh

# How much of what is of use scan knows, among packages that nobody chose; downloads 160 MB
recognition: build
    tests/recognition.sh

# On a running cluster: what lithify costs a pod; nothing is judged
bench-pod:
    benches/pod.sh

# Licences, sources and duplicate crates
deny:
    cargo deny --workspace --locked --all-features check bans licenses sources

# Known vulnerabilities in dependencies (needs the advisory database)
advisories:
    cargo deny --workspace --locked --all-features check advisories

# The image, from dist/lithify
image: release
    buildah build --file Dockerfile.scratch --target prebuilt --tag lithify .

# Every system call of every command, failed once with each of its errors and killed at once; prints the counts. Half an hour on two idle cores; `just faults 60 'harden -v'` a part of it
faults SECONDS="all" COMMAND="": build
    LITHIFY_FAULTS='{{SECONDS}}' LITHIFY_FAULTS_OF='{{COMMAND}}' cargo test --quiet --locked --test e2e faults:: -- --nocapture

# Each command while names are swapped, moved and mounted over, with and without openat2 and statx; prints the counts
race SECONDS="600": build
    LITHIFY_RACE_SECONDS='{{SECONDS}}' cargo test --quiet --locked --test e2e race:: -- --nocapture

# docs/ as a book, target/book (needs mdbook: `cargo install --locked mdbook`)
book:
    mdbook build

# What is wrong with the prose of README and docs/: sentences of more than 30 words, words that nobody knows; `just test binary(docs)` asks for more
prose:
    tests/docs/prose.py sentences
    tests/docs/prose.py spelling

# The links of README and docs/ that lead out of here (needs the Internet)
links:
    tests/docs/links.sh

# Each fuzz target for some seconds
fuzz SECONDS="10":
    fuzz/run.sh {{SECONDS}}
