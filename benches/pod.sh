#!/usr/bin/env bash
# What lithify costs a pod, on a running cluster which has the images of the examples: the context LITHIFY_CONTEXT of your
# kubeconfig, or KUBECONFIG, or that of tests/cluster.sh. The time from `kubectl apply` to Ready of nginx without lithify and
# with each way of hardening it, and of `run` by an init container and by an image volume, with their ratio, where the
# cluster mounts images (Kubernetes 1.36); the size of the image, and the smallest memory limit with which each command works
# in a container. Medians of RUNS=5, in seconds; the memory that a command needs includes that of the container runtime, which
# starts it in the same cgroup. `benches/pod.sh start` measures the times only.
# The figures are of the machine; nothing is judged.
set -euo pipefail
cd "$(dirname "$0")/.."
. benches/measure.sh
if [ -z "${LITHIFY_CONTEXT:-}" ]; then export KUBECONFIG=${KUBECONFIG:-/var/lib/lithify-cluster/kubeconfig}; fi
kubectl() { command kubectl ${LITHIFY_CONTEXT:+--context "$LITHIFY_CONTEXT"} "$@"; }
runs=${RUNS:-5}
namespace=lithify-bench-$$
work=$(mktemp -d)
trap 'kubectl delete namespace "$namespace" --wait=false >/dev/null; rm -rf "$work"' EXIT
kubectl create namespace "$namespace" >/dev/null
k() { kubectl --namespace "$namespace" "$@"; }
until k get serviceaccount default >/dev/null 2>&1; do sleep 0.2; done

# --- time to Ready ------------------------------------------------------------------------------------------------------

# An image that is there already, so that only starting is measured.
sed -e '/^  initContainers:/,/^  containers:/{/^  containers:/!d}' -e '/startupProbe:/,/timeoutSeconds:/d' \
  -e '/livenessProbe:/,/timeoutSeconds:/d' -e '/readinessProbe:/,/timeoutSeconds:/d' -e '/volumeMounts:/,$d' \
  examples/startup-probe.yaml >"$work/plain.yaml"
cp examples/startup-probe.yaml "$work/probe.yaml"
cp examples/stage.yaml "$work/stage.yaml"
sed -e '/startupProbe:/,/timeoutSeconds:/d' -e '/livenessProbe:/,/timeoutSeconds:/d' \
  -e '/readinessProbe:/,/timeoutSeconds:/d' \
  -e "s|^      image: nginx:1.28|&\n      command: [/lithify/lithify, run, --profile, nginx, --, nginx, -g, daemon off;]|" \
  -e "s|--only=verify --profile nginx|--only=run --profile nginx -- nginx -g 'daemon off;'|" \
  examples/startup-probe.yaml >"$work/run.yaml"
# The same, with the image of lithify as the volume.
sed -e '/^  initContainers:/,/^  containers:/{/^  containers:/!d}' -e 's|/lithify/lithify|/lithify/bin/lithify|' \
  -e 's|emptyDir: {}|image: { reference: ghcr.io/lithify/lithify:0.1.0, pullPolicy: IfNotPresent }|' \
  "$work/run.yaml" >"$work/image.yaml"

ready() { # FILE: microseconds from apply to Ready
  local start end
  start=$EPOCHREALTIME
  k apply -f "$1" >/dev/null
  k wait --for=condition=Ready --timeout=120s pod --all >/dev/null || { k describe pods >&2; exit 1; }
  end=$EPOCHREALTIME
  k delete -f "$1" --grace-period=0 --force --wait=true >/dev/null 2>&1
  echo $((${end/./} - ${start/./}))
}

seconds() { awk '{ printf "%.1f", $1 / 1000000 }'; }

echo "nginx, from apply to Ready, median of $runs (least to most):"
ways=(plain probe run stage)
# A server that does not know the field refuses it, or drops it and refuses a volume without a source.
if k apply --dry-run=server -f "$work/image.yaml" >"$work/said" 2>&1; then
  ways+=(image)
else
  echo "  (no image volume: $(kubectl get --raw /version | jq -r .gitVersion) says $(tr '\n' ' ' <"$work/said" | cut -c1-200))"
fi
for way in "${ways[@]}"; do
  for _ in $(seq "$runs"); do ready "$work/$way.yaml"; done | sort -n >"$work/$way.times"
  printf '  %-6s %5s s (%s to %s)\n' "$way" "$(median <"$work/$way.times" | seconds)" \
    "$(head -1 "$work/$way.times" | seconds)" "$(tail -1 "$work/$way.times" | seconds)"
done
if [ -e "$work/image.times" ]; then
  paste <(median <"$work/image.times") <(median <"$work/run.times") |
    awk '{ printf "  run by an image volume takes %.2f of the time of run by an init container\n", $1 / $2 }'
fi
[ "${1:-}" != start ] || exit 0

# --- the image ----------------------------------------------------------------------------------------------------------

kubectl get nodes -o json | jq -r '.items[0].status.images[] | select(any(.names[]?; test("/lithify:"))) | .sizeBytes' |
  awk '{ printf "image: %.2f MB, as the node reports it\n", $1 / 1000000 }'

# --- memory -------------------------------------------------------------------------------------------------------------

# A pod whose second init container runs the command with the limit.
limited() { # MEBIBYTES IMAGE COMMAND
  local install='{"name":"lithify","image":"ghcr.io/lithify/lithify:0.1.0","args":["install","/lithify"],
    "volumeMounts":[{"name":"lithify","mountPath":"/lithify"}]}'
  jq -n --argjson install "$install" --arg limit "$1Mi" --arg image "$2" --argjson command "$3" '{
    apiVersion: "v1", kind: "Pod", metadata: {name: "limited"}, spec: {
      restartPolicy: "Never", automountServiceAccountToken: false, initContainers: [$install],
      containers: [{name: "command", image: $image, command: $command, resources: {limits: {memory: $limit}},
        volumeMounts: [{name: "lithify", mountPath: "/lithify"}, {name: "out", mountPath: "/out"}]}],
      volumes: [{name: "lithify", emptyDir: {}}, {name: "out", emptyDir: {}}]}}'
}

works() { # CODE MEBIBYTES IMAGE COMMAND: it ends with that code, three times of three
  local code=$1 state
  shift
  for _ in 1 2 3; do
    limited "$@" | k apply -f - >/dev/null
    for _ in $(seq 300); do
      state=$(k get pod limited -o json | jq -c '.status.containerStatuses[0].state // {}
        | if .terminated then [.terminated.exitCode, .terminated.reason]
          elif .waiting.reason == "PodInitializing" or .waiting.reason == "ContainerCreating" then empty
          elif .waiting then [-1, .waiting.reason] else empty end')
      [ -z "$state" ] || break
      sleep 0.2
    done
    k delete pod limited --grace-period=0 --force --wait=true >/dev/null 2>&1
    case $state in "[$code,\"OOMKilled\"]") return 1 ;; "[$code,"*) ;; *) return 1 ;; esac
  done
}

limits="4 6 8 10 12 16 20 24 32 48 64"

smallest() { # DESCRIPTION CODE IMAGE COMMAND
  local limit
  for limit in $limits; do
    if works "$2" "$limit" "$3" "$4"; then
      echo "  $1: $limit MiB"
      return
    fi
  done
  echo "  $1: more than $limit MiB"
  failed=1
}

# 64 MB fit into 128 MiB and not into 8, or nothing below says anything.
eater='["perl", "-e", "my $x = qq(x) x 64000000; sleep 1"]'
if ! works 0 128 nginx:1.28 "$eater" || works 0 8 nginx:1.28 "$eater"; then
  echo "benches/pod.sh: this cluster enforces no memory limits" >&2
  exit 1
fi

echo "smallest memory limit of a container with which it works three times of three:"
smallest "install" 0 nginx:1.28 '["/lithify/lithify", "install", "/out"]'
smallest "harden, profile nginx" 0 nginx:1.28 '["/lithify/lithify", "harden", "--profile", "nginx"]'
smallest "verify, profile nginx, which finds shells" 1 nginx:1.28 '["/lithify/lithify", "verify", "--profile", "nginx"]'
smallest "stage, profile nginx" 0 nginx:1.28 \
  '["/lithify/lithify", "stage", "--profile", "nginx", "/usr/bin", "/usr/sbin", "/bin", "/sbin", "--to", "/out"]'

# A probe runs in the cgroup of its container, beside the app.
starts() { # WAY MEBIBYTES: Ready without a restart, three times of three
  local restarts
  for _ in 1 2 3; do
    kubectl create --dry-run=client -o json -f "$work/$1.yaml" |
      jq --arg limit "${2}Mi" 'del(.metadata.namespace) | .spec.containers[0].resources.limits.memory = $limit' |
      k apply -f - >/dev/null
    k wait --for=condition=Ready --timeout=25s pod nginx >/dev/null 2>&1 && sleep 2 || true
    restarts=$(k get pod nginx -o json | jq '.status.containerStatuses[0] | if .ready then .restartCount else -1 end')
    k delete pod nginx --grace-period=0 --force --wait=true >/dev/null 2>&1
    [ "$restarts" = 0 ] || return 1
  done
}
for way in plain probe; do
  least=none
  for limit in $limits; do
    if starts "$way" "$limit"; then least="$limit MiB"; break; fi
  done
  echo "  nginx, $way, Ready without a restart: $least"
done
exit $failed
