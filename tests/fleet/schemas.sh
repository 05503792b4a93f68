#!/bin/sh
# Gets what tests/fleet judges policies by, into target/fleet: Kubernetes' own schemas for several versions, that of Kyverno's
# ClusterPolicy, those of its policies in CEL, and a checker of types. Packages of fixed versions and contents; what is there already stays.
set -eu
cd "$(dirname "$0")/../.."
at=target/fleet
made=$at/made-from
if cat tests/fleet/requirements.txt tests/fleet/kyverno.txt | cmp -s - "$made"; then exit 0; fi
rm -rf "$at/venv" "$at/kubernetes" "$at"/kyverno*.json
mkdir -p "$at"
python3 -m venv "$at/venv"
"$at/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r tests/fleet/requirements.txt
"$at/venv/bin/python" - "$at" <<'END'
import json, os, sys
import kubernetes_validate
from cloudcoil.models.kyverno import v1

at = sys.argv[1]
schemas = os.path.join(os.path.dirname(kubernetes_validate.__file__), "kubernetes-json-schema")
os.symlink(schemas, os.path.join(at, "kubernetes"))
with open(os.path.join(at, "kyverno.json"), "w") as file:
    json.dump(v1.ClusterPolicy.model_json_schema(by_alias=True), file)
END
# A newer version of the same package, of which only the file with these kinds is read: it is made for a newer Python.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$at/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
  --python-version 3.14 --dest "$work" -r tests/fleet/kyverno.txt
"$at/venv/bin/python" - "$at" "$work" <<'END'
import glob, json, os, sys, types, zipfile
import cloudcoil.pydantic

at, work = sys.argv[1:]
wheel = zipfile.ZipFile(glob.glob(work + "/*.whl")[0])
# What the newer generator writes and the older library does not have: it has no part in the schema.
cloudcoil.pydantic.UNSET = getattr(cloudcoil.pydantic, "UNSET", None)
kinds = sys.modules["kyverno_policies_v1"] = types.ModuleType("kyverno_policies_v1")
exec(wheel.read("cloudcoil/models/kyverno/policies/v1.py"), kinds.__dict__)
for kind in ["MutatingPolicy", "ValidatingPolicy"]:
    with open(os.path.join(at, f"kyverno-{kind}.json"), "w") as file:
        json.dump(getattr(kinds, kind).model_json_schema(by_alias=True), file)
END
cat tests/fleet/requirements.txt tests/fleet/kyverno.txt >"$made"
