#!/bin/sh
# Gets what release/tests judges by, into target/release-tools: the schemas of GitHub's workflows and actions, those of
# CycloneDX, a checker of workflows, and cargo's graphs. Packages of fixed versions and contents; what is there already stays.
set -eu
cd "$(dirname "$0")/../.."
at=target/release-tools
mkdir -p "$at/graphs"
# What cargo would build for each program; it takes a second, and a test need not.
for program in lithify kubectl-lithify; do
  for architecture in x86_64 aarch64; do
    release/build.sh $program $architecture "$at/graphs/$program-$architecture.json" --graph
  done
done
if cmp -s tests/release/requirements.txt "$at/made-from"; then exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --dest "$work" -r tests/release/requirements.txt
python3 - "$work" "$at" <<'END'
import glob, os, sys, zipfile

work, at = sys.argv[1:]
wanted = ["vendor/github-workflows.json", "vendor/github-actions.json", "_res/bom-1.6.SNAPSHOT.schema.json",
          "_res/spdx.SNAPSHOT.schema.json", "_res/jsf-0.82.SNAPSHOT.schema.json", "scripts/zizmor"]
for wheel in map(zipfile.ZipFile, glob.glob(work + "/*.whl")):
    for name in wheel.namelist():
        if any(name.endswith("/" + end) for end in wanted):
            path = os.path.join(at, os.path.basename(name))
            with open(path, "wb") as file:
                file.write(wheel.read(name))
            os.chmod(path, 0o755)
assert len(os.listdir(at)) == len(wanted) + 1, os.listdir(at)
END
cp tests/release/requirements.txt "$at/made-from"
