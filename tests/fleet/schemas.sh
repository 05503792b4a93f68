#!/bin/sh
# Gets what tests/fleet judges policies by, into target/fleet: Kubernetes' own schemas for several versions, that of Kyverno's
# ClusterPolicy, and a checker of types. Packages of fixed versions and contents; what is there already stays.
set -eu
cd "$(dirname "$0")/../.."
at=target/fleet
made=$at/made-from
if cmp -s tests/fleet/requirements.txt "$made"; then exit 0; fi
rm -rf "$at/venv" "$at/kubernetes" "$at/kyverno.json"
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
cp tests/fleet/requirements.txt "$made"
