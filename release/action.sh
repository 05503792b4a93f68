#!/usr/bin/env bash
# The steps of action.yml: release/action.sh fetch | run. What the workflow says comes by variables, and is never part of a
# script.
set -euo pipefail
# Also for the second step.
here=${RUNNER_TEMP:?}/lithify

failed() { # WHAT, FIX
  echo "::error title=lithify::$1: $2"
  exit 2
}

fetch() {
  local architecture file
  case $(uname -m) in
    x86_64) architecture=x86_64 ;;
    aarch64 | arm64) architecture=aarch64 ;;
    *) failed "there is no release for $(uname -m)" "use a runner with x86_64 or aarch64" ;;
  esac
  [[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || failed "version \"$VERSION\" is none" "write it as 1.2.3"
  rm -rf "$here"
  mkdir -p "$here"
  cd "$here"
  for file in SHA256SUMS {lithify,kubectl-lithify}-$architecture-linux; do
    curl --fail --silent --show-error --location --retry 3 --proto '=https,file' --output "$file" "$URL/v$VERSION/$file" ||
      failed "$URL/v$VERSION/$file cannot be fetched" "look whether this release is there"
  done
  if [ -n "$SUMS" ]; then
    echo "$SUMS  SHA256SUMS" | sha256sum --quiet --strict --check - ||
      failed "SHA256SUMS of $VERSION is not the one that \"sums\" names" "somebody has changed the release, or the version is another"
  fi
  # Each of the two must be named there, and be what it says.
  for file in *-linux; do
    grep -E "^[0-9a-f]{64}  $file\$" SHA256SUMS
  done | sha256sum --strict --check - || failed "a file is not what SHA256SUMS says" "somebody has changed the release, or it came in parts"
  [ "$(grep -cE "  (kubectl-)?lithify-$architecture-linux\$" SHA256SUMS)" = 2 ] || failed "SHA256SUMS does not name both programs" "it is not that of a release"
  provenance
  for file in *-linux; do
    chmod 0755 "$file"
    mv "$file" "${file%-"$architecture"-linux}"
  done
}

provenance() {
  local file
  if [ "$ATTESTATION" != required ]; then
    [ "$ATTESTATION" = if-possible ] || failed "attestation \"$ATTESTATION\" is not known" "write required or if-possible"
    command -v gh >/dev/null && [ -n "$GH_TOKEN" ] || { echo "::warning title=lithify::the provenance was not looked at, because gh is not here or has no token: only SHA256SUMS, from the same place, says what the files are"; return 0; }
  fi
  for file in *-linux; do
    gh attestation verify "$file" --repo lithify/lithify --signer-workflow lithify/lithify/.github/workflows/release.yml --source-ref "refs/tags/v$VERSION" || failed "the provenance of $file does not hold" "do not use it, and report it"
  done
}

lines() { # The lines of a text that are not empty, into the array `words`.
  mapfile -t words < <(sed '/^[[:space:]]*$/d; s/^[[:space:]]*//; s/[[:space:]]*$//' <<<"$1")
}

run() {
  local words profiles=() word status=0 digest
  lines "$PROFILE"
  for word in "${words[@]}"; do profiles+=(--profile "$word"); done
  case $COMMAND in
    lint)
      [ -n "$MANIFESTS" ] && [ ${#profiles[@]} != 0 ] || failed "lint has nothing to look at" "give manifests and profile"
      lines "$MANIFESTS"
      local files=() found pattern
      for pattern in "${words[@]}"; do
        [[ $pattern != *'**'* ]] || failed "** in \"$pattern\" means no more than *" "write a line for each depth: deploy/*.yaml, deploy/*/*.yaml"
        # Only patterns: no other expansion is made.
        mapfile -t found < <(compgen -G "$pattern" || true)
        [ ${#found[@]} != 0 ] || failed "no file has a name like \"$pattern\"" "look at the lines of \"manifests\""
        files+=("${found[@]}")
      done
      if [ -n "$SARIF" ]; then
        [ ${#files[@]} = 1 ] || failed "sarif is of one file, and there are ${#files[@]}" "use a step for each"
        "$here/kubectl-lithify" lint --filename "${files[0]}" "${profiles[@]}" --format sarif >"$SARIF" || status=$?
        return $status
      fi
      for word in "${files[@]}"; do
        "$here/kubectl-lithify" lint --filename "$word" "${profiles[@]}" || status=$?
      done
      ;;
    scan)
      [ -n "$IMAGE" ] || failed "scan has nothing to look at" "give image"
      local options=()
      [ -z "$FAIL_ON" ] || options+=(--fail-on "$FAIL_ON")
      local volumes=(--volume "$here/lithify:/.lithify-scan:ro")
      if [ -n "$BASELINE" ]; then
        volumes+=(--volume "$(realpath "$BASELINE"):/.lithify-baseline:ro")
        options+=(--baseline /.lithify-baseline)
      fi
      docker run --rm --network none --user 0 "${volumes[@]}" --entrypoint /.lithify-scan "$IMAGE" scan "${options[@]}" || status=$?
      ;;
    seal)
      [ -n "$IMAGE" ] && [ ${#profiles[@]} != 0 ] || failed "seal has nothing to state" "give image and profile"
      if [ -f "$IMAGE" ]; then
        digest=$("$here/kubectl-lithify" seal --image "$IMAGE" --after "${profiles[@]}")
      else
        digest=$(docker save "$IMAGE" | "$here/kubectl-lithify" seal --image - --after "${profiles[@]}")
      fi
      echo "$digest"
      # An empty output would mean, to whoever uses it, that nothing is to be checked.
      [[ $digest =~ lithify1x?-sha256:[0-9a-f]{64} ]] || failed "seal stated no digest" "report it, with what is printed above"
      echo "digest=${BASH_REMATCH[0]}" >>"$GITHUB_OUTPUT"
      ;;
    *) failed "command \"$COMMAND\" is not known" "write lint, scan or seal" ;;
  esac
  return $status
}

case ${1:-} in
  fetch | run) "$1" ;;
  *) failed "release/action.sh is called by action.yml" "call it with fetch or run" ;;
esac
