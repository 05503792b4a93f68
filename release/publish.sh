#!/usr/bin/env bash
# Publishes a release: release/publish.sh TAG [DIST [oci:DIRECTORY]], by default dist/release, and the image where
# Cargo.toml says that it is, else into this OCI layout. Only .github/workflows/release.yml calls it, after both of its
# builds were the same; and the tests. What it needs: skopeo, cosign and gh, logged in.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=$1 dist=${2:-dist/release} registry=${3:-docker://}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
[ "$tag" = "v$version" ] || { echo "release/publish.sh: the tag is $tag, and Cargo.toml says version $version" >&2; exit 1; }

# What was built is what is published.
(cd "$dist" && sha256sum --quiet --check SHA256SUMS)
named=$(sed 's/^[0-9a-f]* [ *]//' "$dist"/SHA256SUMS | sort)
there=$(cd "$dist" && find . -mindepth 1 ! -name 'SHA256SUMS*' -printf '%P\n' | sort)
[ "$there" = "$named" ] || {
  echo "release/publish.sh: SHA256SUMS names other files than $dist has:" >&2
  diff <(echo "$named") <(echo "$there") >&2
  exit 1
}
reference=$(cat "$dist"/lithify-image.txt)
name=${reference%@*} digest=${reference#*@}
case $registry in
  oci:*) to=$registry:$version ;;
  *) to=$registry$name ;;
esac
skopeo copy --all --preserve-digests "oci-archive:$dist/lithify-image.tar" "$to"
pushed=sha256:$(skopeo inspect --raw "$to" | sha256sum | cut -d ' ' -f 1)
[ "$pushed" = "$digest" ] || { echo "release/publish.sh: pushed $pushed, and built $digest" >&2; exit 1; }

# Without a key: cosign takes the identity of the workflow that runs.
cosign sign --yes --recursive "${name%:*}@$digest"
for architecture in x86_64:amd64 aarch64:arm64; do
  of_platform=$(skopeo inspect --raw "$to" |
    jq -r --arg architecture "${architecture#*:}" '.manifests[] | select(.platform.architecture == $architecture).digest')
  cosign attest --yes --type cyclonedx --predicate "$dist/lithify-${architecture%:*}-linux.cdx.json" "${name%:*}@$of_platform"
done
cosign sign-blob --yes --bundle "$dist/SHA256SUMS.sigstore.json" "$dist/SHA256SUMS"

notes=$(mktemp)
trap 'rm -f "$notes"' EXIT
{
  echo "Image: \`$reference\`"
  echo
  echo "[How to verify](https://github.com/lithify/lithify/blob/$tag/docs/install.md#verify-a-release)"
} >"$notes"
gh release create "$tag" "$dist"/* --verify-tag --title "$tag" --notes-file "$notes"
