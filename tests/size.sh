#!/bin/sh
# Fails when a binary is over its budget: the stable build, and the one that is shipped (`just release`).
# The bar of the shipped one is 960,000, and it is not met: it takes some 1,350,000, of which `learn` is about 115,000, the
# catalogue with its checks about 60,000, the drop-in init, with what refusals propose, about 50,000, and --prove about 20,000.
# These budgets only hold what there is.
set -eu
cd "$(dirname "$0")/.."
status=0
while read -r file budget; do
  size=$(stat -c %s "$file")
  echo "$file: $size of $budget bytes"
  [ "$size" -lt "$budget" ] || status=1
done <<END
target/x86_64-unknown-linux-musl/release/lithify 1709000
dist/lithify 1351000
END
exit $status
