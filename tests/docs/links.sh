#!/bin/sh
# Asks each address that README and docs/ link to, and names those that do not answer; needs the Internet.
set -u
cd "$(dirname "$0")/../.."
list=$(mktemp)
trap 'rm -f "$list"' EXIT
tests/docs/prose.py links >"$list"
failed=0
while read -r address; do
  # Some servers refuse HEAD, and some refuse programs that do not say who they are.
  curl --silent --show-error --fail --location --output /dev/null --max-time 30 --retry 2 \
    --user-agent "Mozilla/5.0 (links of lithify's documentation)" "$address" </dev/null || { echo "$address"; failed=1; }
done <"$list"
exit $failed
