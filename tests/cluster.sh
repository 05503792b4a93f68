#!/usr/bin/env bash
# A real Kubernetes node on this machine for the tests, as root: containerd, etcd, kube-apiserver, kube-controller-manager,
# kube-scheduler and kubelet, with the images of tests/images.sh.
#
#   tests/cluster.sh up            builds what is missing, starts all of it, loads the images; prints the kubeconfig's path
#   tests/cluster.sh load          loads the images anew
#   tests/cluster.sh stop-node     ends kubelet, containerd and every container, as a power failure does
#   tests/cluster.sh start-node    starts the node again, with the disk as it was
#   tests/cluster.sh down          ends all of it; fails when the machine is not as it was before
#
# With LITHIFY_CONTEXT=NAME the tests use that context of your kubeconfig, and `up` only loads the images, by the tool that
# the context's name tells (kind-*, k3d-*, minikube), or else by LITHIFY_LOAD, a command that gets the archives as arguments.
set -Eeuo pipefail
# It never ends without a word.
trap 'failed="line $LINENO: $BASH_COMMAND"' ERR
trap '[ $? = 0 ] || echo "tests/cluster.sh: failed, ${failed:-see above}" >&2' EXIT
here=$(cd "$(dirname "$0")" && pwd)
at=/var/lib/lithify-cluster
# A cluster of somebody's own is the business of his tools and his kubeconfig.
if [ -z "${LITHIFY_CONTEXT:-}" ]; then export KUBECONFIG=$at/kubeconfig; fi
export PATH=$PATH:/usr/sbin:/sbin
namespace=k8s.io

# --- the machine, before and after --------------------------------------------------------------------------------------

# What kubelet and the bridge plugin set, as `sysctl -p` reads it.
sysctls() {
  sysctl -e vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys \
    kernel.keys.root_maxbytes net.ipv4.ip_forward
}

# Those that pods are in. Others may go while this looks.
cgroups() { find /sys/fs/cgroup -maxdepth 3 -type d \( -name kubepods -o -name "$namespace" \) 2>/dev/null || true; }

# What must be the same afterwards, one thing a line.
state() {
  sysctls
  findmnt -rno TARGET | grep -E "^($at|/run/netns/cni-|/run/containerd|/var/lib/(kubelet|cni))" || true
  cgroups
  ls -d /var/log/pods /var/log/containers /run/containerd /run/netns/cni-* /sys/class/net/lithify0 2>/dev/null || true
  iptables-save 2>/dev/null | grep -E '^(:|-A)' | grep -E 'KUBE|CNI' || true
}

# --- processes ----------------------------------------------------------------------------------------------------------

start() { # NAME COMMAND...: nothing where it runs already
  local name=$1
  shift
  if runs "$name"; then return; fi
  setsid nohup "$@" >>"$at/log/$name" 2>&1 </dev/null &
  echo $! >"$at/run/$name.pid"
}

# Whether the process that was started under this name still runs: after a restart of the machine its number may be another's.
runs() { grep -qsF "$at" "/proc/$(cat "$at/run/$1.pid" 2>/dev/null)/cmdline"; }

stop() { # SIGNAL NAME...
  local signal=$1 name
  shift
  for name in "$@"; do
    # Killed when it does not end by itself within 10 s.
    for _ in $(seq 100); do
      runs "$name" || break
      kill -s "$signal" "$(cat "$at/run/$name.pid")" 2>/dev/null || true
      sleep 0.1
    done
    if runs "$name"; then kill -s KILL "$(cat "$at/run/$name.pid")" 2>/dev/null || true; fi
    # It writes where everything will be removed.
    wait_for "the end of $name" ended "$name"
    rm -f "$at/run/$name.pid"
  done
}

ended() { ! runs "$1"; }

wait_for() { # WHAT COMMAND...
  local what=$1 until=$((SECONDS + 300))
  shift
  while [ $SECONDS -lt $until ]; do
    "$@" >/dev/null 2>&1 && return
    sleep 0.25
  done
  echo "tests/cluster.sh: $what did not come within 300 s; the logs are in $at/log" >&2
  tail -n 20 "$at"/log/* >&2
  exit 1
}

# Everything that is mounted below a directory, the innermost first. One may go with another.
unmount() { mounted "$1" | sort -r | xargs -r -n1 umount -l 2>/dev/null || true; }
mounted() { awk -v below="$1" 'index($2, below) == 1 { print $2 }' /proc/self/mounts; }

containerd() { ctr --address "$at/run/containerd.sock" --namespace "$namespace" "$@"; }

# --- the parts ----------------------------------------------------------------------------------------------------------

configure() {
  mkdir -p "$at"/{run,log,cni,pki,kubelet,manifests}
  openssl genrsa -out "$at/pki/serviceaccount.key" 2048 2>/dev/null
  local token
  token=$(openssl rand -hex 16)
  (umask 077; echo "$token,admin,admin,system:masters" >"$at/pki/tokens.csv")
  sed "s#TOKEN#$token#" "$here/cluster/kubeconfig.yaml" >"$KUBECONFIG"
  chmod 0600 "$KUBECONFIG"
  local file
  for file in containerd.toml kubelet.yaml; do sed "s#AT#$at#g" "$here/cluster/$file" >"$at/$file"; done
  sed "s#AT#$at#g" "$here/cluster/bridge.conflist" >"$at/cni/bridge.conflist"
}

# Flags of tests only: nothing is written through to the disk, and whoever has the token may do everything.
control_plane() {
  start etcd etcd --data-dir "$at/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:12379 \
    --advertise-client-urls http://127.0.0.1:12379 --listen-peer-urls http://127.0.0.1:12380
  # Ephemeral containers are an alpha of this version.
  start apiserver "$bin/kube-apiserver" --etcd-servers http://127.0.0.1:12379 --bind-address 127.0.0.1 \
    --advertise-address 127.0.0.1 --secure-port 16443 --cert-dir "$at/pki" --token-auth-file "$at/pki/tokens.csv" \
    --authorization-mode AlwaysAllow --service-cluster-ip-range 10.96.0.0/24 --kubelet-preferred-address-types Hostname \
    --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$at/pki/serviceaccount.key" \
    --service-account-signing-key-file "$at/pki/serviceaccount.key" --feature-gates EphemeralContainers=true \
    --allow-privileged=true
  wait_for "the API server" kubectl get --raw /readyz
  start controller-manager "$bin/kube-controller-manager" --kubeconfig "$KUBECONFIG" --leader-elect=false --port 0 \
    --secure-port 0 --service-account-private-key-file "$at/pki/serviceaccount.key" --root-ca-file "$at/pki/apiserver.crt"
  start scheduler "$bin/kube-scheduler" --kubeconfig "$KUBECONFIG" --leader-elect=false --port 0 --secure-port 0
}

node() {
  start containerd containerd --config "$at/containerd.toml"
  wait_for containerd containerd version
}

kubelet() {
  start kubelet "$bin/kubelet" --config "$at/kubelet.yaml" --root-dir "$at/kubelet" --cert-dir "$at/kubelet/pki" \
    --kubeconfig "$KUBECONFIG" --hostname-override localhost --container-runtime remote --runtime-cgroups / \
    --container-runtime-endpoint "unix://$at/run/containerd.sock" --feature-gates EphemeralContainers=true
  wait_for "the node" node_is_ready
}

# The API server believes for a while in a kubelet that is gone.
node_is_ready() {
  runs kubelet && curl -fsS http://127.0.0.1:10248/healthz &&
    kubectl wait --for=condition=Ready --timeout=10s node/localhost
}

images() { "$here/images.sh" && ls "$here"/../target/images/*.oci; }

load_here() {
  local archives archive name
  # Not in the loop's own line, where a failure would be none.
  archives=$(images)
  for archive in $archives; do
    name=$(tar -xOf "$archive" index.json | jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]')
    # Unpacked at once, so that no pod waits for it. What the old image of this name had may be collected meanwhile.
    import "$archive" || import "$archive" || import "$archive" ||
      { tail -n 5 "$at/log/import" >&2; return 1; }
  done
}

# The name is the archive's own. A name for the archive's index would be the same, and then one of the two goes while it is
# unpacked.
import() { containerd images import "$1" >>"$at/log/import" 2>&1; }

load_there() {
  case $LITHIFY_CONTEXT in
    kind-*) images | xargs -n1 kind load image-archive --name "${LITHIFY_CONTEXT#kind-}" ;;
    k3d-*) images | xargs k3d image import --cluster "${LITHIFY_CONTEXT#k3d-}" ;;
    minikube) images | xargs -n1 minikube image load ;;
    *) images | xargs "${LITHIFY_LOAD:?set it to a command that loads OCI archives into the cluster of $LITHIFY_CONTEXT}" ;;
  esac
}

# Ends all containers, whose processes are nobody's children any more.
end_containers() {
  local pid
  for pid in $(containerd tasks ls 2>/dev/null | awk 'NR > 1 { print $2 }'); do kill -s KILL "$pid" 2>/dev/null || true; done
  stop KILL containerd
  wait_for "the end of the containers" containers_ended
  unmount "$at/run/"
  local name
  for name in $(ip netns list | awk '/^cni-/ { print $1 }'); do
    grep -qx "/run/netns/$name" "$at/before" || ip netns delete "$name" || true
  done
}

# Kills what is left, of containers that were only being made, too: whether nothing was left, and their cgroups are gone.
containers_ended() {
  local pids cgroup left=0
  # Nothing was started.
  [ -e "$at/before" ] || return 0
  # Shims outlive their containerd.
  if pids=$(pgrep -f "^([^ ]*/)?(containerd-shim-runc-v2|runc) .*$at/run/containerd"); then
    left=1
    kill_all <<<"$pids"
  fi
  for cgroup in $(cgroups); do
    # Somebody else's.
    if grep -qx "$cgroup" "$at/before"; then continue; fi
    left=1
    find "$cgroup" -name cgroup.procs -exec cat {} + | kill_all
    find "$cgroup" -depth -type d -exec rmdir {} +
  done
  [ $left = 0 ]
}

# Process 0 is one that cannot be seen from here.
kill_all() { grep -vx 0 | xargs -r kill -s KILL; }

# --- commands -----------------------------------------------------------------------------------------------------------

load() { if [ -n "${LITHIFY_CONTEXT:-}" ]; then load_there; else load_here; fi; }

up() {
  if [ -n "${LITHIFY_CONTEXT:-}" ]; then
    load
    return
  fi
  if node_is_ready >/dev/null 2>&1; then
    load
    echo "$KUBECONFIG"
    return
  fi
  # What an earlier one has left.
  down || true
  "$here/cluster/install.sh"
  bin=$("$here/cluster/kubernetes.sh")
  mkdir -p "$at"
  sysctls >"$at/sysctls"
  state >"$at/before.part"
  mv "$at/before.part" "$at/before"
  ln -s "$bin" "$at/bin"
  configure
  node
  load
  control_plane
  kubelet
  echo "$KUBECONFIG"
}

stop_node() {
  stop KILL kubelet
  end_containers
}

start_node() {
  bin=$at/bin
  node
  kubelet
}

down() {
  [ -e "$at" ] || return 0
  stop TERM kubelet scheduler controller-manager apiserver etcd
  end_containers
  ip link delete lithify0 2>/dev/null || true
  unmount "$at/"
  [ ! -s "$at/sysctls" ] || sysctl -q -p "$at/sysctls"
  local directory
  for directory in /var/log/pods /var/log/containers /run/containerd; do
    grep -qx "$directory" "$at/before" || rm -rf "$directory"
  done
  local status=0
  if ! diff "$at/before" <(state) >&2; then
    echo "tests/cluster.sh: the machine is not as it was before (see above: < before, > now)" >&2
    status=1
  fi
  rm -rf --one-file-system "$at"
  return $status
}

case ${1:-} in
  up) up ;;
  load) load ;;
  stop-node) stop_node ;;
  start-node) start_node ;;
  down) down ;;
  *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
esac
