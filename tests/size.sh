#!/bin/sh
# Fails when a binary is over its budget: the stable build, and the one that is shipped (`just release`).
set -eu
cd "$(dirname "$0")/.."
status=0
while read -r file budget; do
  size=$(stat -c %s "$file")
  echo "$file: $size of $budget bytes"
  [ "$size" -lt "$budget" ] || status=1
done <<END
target/x86_64-unknown-linux-musl/release/lithify 1330000
dist/lithify 960000
END
exit $status
