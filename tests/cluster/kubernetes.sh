#!/usr/bin/env bash
# Builds Kubernetes from Debian's source package (it has no package of a kubelet) and prints the directory of its programs:
# kubelet, kube-apiserver, kube-controller-manager, kube-scheduler.
# What was built is kept in the user's cache, by the version of the source, of Go and of this script.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs="kubelet kube-apiserver kube-controller-manager kube-scheduler"

# This machine's own Debian sources, asked for source packages, beside its package lists.
lists=$(mktemp -d)
trap 'rm -rf "$lists" "${build:-}"' EXIT
mkdir -p "$lists/lists/partial" "$lists/sources"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  if [ -e "$file" ]; then sed -n 's/^deb /deb-src /p' "$file" | grep debian >>"$lists/sources/debian.list" || true; fi
done
for file in /etc/apt/sources.list.d/*.sources; do
  if grep -q '^URIs:.*debian' "$file" 2>/dev/null; then sed 's/^Types:.*/Types: deb-src/' "$file" >"$lists/sources/${file##*/}"; fi
done
source_packages() { # COMMAND...
  "$1" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$lists/sources" -o Dir::State::lists="$lists/lists" \
    -o Dir::Cache::srcpkgcache= -o Dir::Cache::pkgcache= -o APT::Sandbox::User=root -qq "${@:2}"
}
source_packages apt-get update
version=$(source_packages apt-cache showsrc kubernetes | sed -n 's/^Version: //p' | grep -F +really1. | tail -1)
upstream=${version##*+really}
upstream=${upstream%-*}

key=$({ echo "$version"; go version; cat "$here/kubernetes.sh"; } | sha256sum | cut -c1-16)
bin=${XDG_CACHE_HOME:-$HOME/.cache}/lithify/kubernetes-$upstream-$key
if [ -e "$bin/complete" ]; then
  echo "$bin"
  exit
fi

build=$(mktemp -d)
cd "$build"
(source_packages apt-get source --download-only "kubernetes=$version" && dpkg-source -x kubernetes_*.dsc source) >&2
mkdir -p gopath/src/k8s.io
ln -s "$build/source" gopath/src/k8s.io/kubernetes
cd gopath/src/k8s.io/kubernetes
# As before modules: the package's vendor directory has no go.mod that this Go accepts.
export CGO_ENABLED=0 GOPATH=$build/gopath GO111MODULE=off GOFLAGS= GOCACHE=$build/cache
compile() { # PROGRAM PACKAGE
  local vendor=k8s.io/kubernetes/vendor/k8s.io
  go build -tags 'providerless dockerless' -o "$build/bin/$1" \
    -ldflags "-s -w -X $vendor/component-base/version.gitVersion=v$upstream -X $vendor/client-go/pkg/version.gitVersion=v$upstream" \
    "k8s.io/kubernetes/$2" >&2
}
# One file of the API server is generated, and not in the package: the OpenAPI of every type that asks for it.
compile openapi-gen vendor/k8s.io/kube-openapi/cmd/openapi-gen
packages=$(grep -rlE --include='*.go' '^// ?\+k8s:openapi-gen=' staging/src/k8s.io pkg | sed 's#staging/src/#vendor/#' | xargs -n1 dirname |
  sort -u | grep -vE 'testdata|/test|examples|sample-' | sed 's#^#k8s.io/kubernetes/#' | paste -sd,)
"$build/bin/openapi-gen" --go-header-file hack/boilerplate/boilerplate.generatego.txt -O zz_generated.openapi -i "$packages" \
  --output-package k8s.io/kubernetes/pkg/generated/openapi --output-base "$build/openapi" --report-filename "$build/openapi.report" >&2 2>"$build/openapi.log"
cp "$build/openapi/k8s.io/kubernetes/pkg/generated/openapi/zz_generated.openapi.go" pkg/generated/openapi/
for program in $programs; do
  compile "$program" "cmd/$program"
done
mkdir -p "$bin"
for program in $programs; do
  install -m 0755 "$build/bin/$program" "$bin/$program"
done
touch "$bin/complete"
chmod -R u+w "$build"
echo "$bin"
