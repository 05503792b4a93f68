#!/usr/bin/env bash
# How much of what is of use scan knows, among packages that nobody chose: tests/recognition.sh [DIR], by default
# target/recognition; about 160 MB are downloaded. LITHIFY is the program to be judged. Fails where its findings are not
# those of tests/data/recognition/programs.txt.
#
# The set: packages of Debian 12 with a program in PATH, under 3 MB, none of those of tests/programs.sh and no
# cross-compiler; of each section the first by the SHA-256 of their names: 70 of net and of admin, 60 of devel and of
# utils, 50 of interpreters, all of shells, 4 to 20 of each of 17 more. The list was labelled by hand: of use is what
# starts a shell or the command that it is told, runs a language, fetches or sends, opens or watches connections, builds,
# debugs, installs, changes identity, edits, or reads and writes the files that it is told.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$here/data/recognition
out=${1:-$here/../target/recognition}
lithify=${LITHIFY:-$here/../target/x86_64-unknown-linux-musl/release/lithify}
stamp=$(sha256sum <"$data/packages.txt" | cut -c1-16)
if [ "$(cat "$out.complete" 2>/dev/null || true)" != "$stamp" ]; then
  rm -rf "$out"
  mkdir -p "$out"
  DOWNLOADS=$(mktemp -d)
  trap 'rm -rf "$DOWNLOADS"' EXIT
  PACKAGES=$(tr '\n' ' ' <"$data/packages.txt")
  export DOWNLOADS PACKAGES
  # shellcheck disable=SC2016  # for the hook's shell
  hook='cd "$DOWNLOADS" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download -qq -o APT::Sandbox::User=root $PACKAGES'
  mmdebstrap --quiet --mode=root --variant=custom --format=null --customize-hook="$hook" bookworm
  for archive in "$DOWNLOADS"/*.deb; do
    dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$out" --keep-directory-symlink --exclude='./usr/share/doc/*'
  done
  echo "$stamp" >"$out.complete"
fi

# By path; `missed` is of use and not known, `wrong` is known and not of use.
"$lithify" scan --format json --root "$out" | jq -r '.programs[].path' | sort >"$out.found"
expected() { grep -v '^#' "$data/programs.txt" | sed -n "$1" | sort; }
expected 's/^missed //p' >"$out.missed"
expected 's/^wrong //p' >"$out.wrong"
expected '/^\//p' >"$out.right"
of_use=$(cat "$out.right" "$out.missed" | wc -l)
executables=$(find "$out" -type f -perm /111 | wc -l)
echo "$executables executables, $of_use of use: $(wc -l <"$out.missed") of these not known, $(wc -l <"$out.wrong") others taken for one"
diff <(sort "$out.right" "$out.wrong") "$out.found" >&2 ||
  { echo "tests/recognition.sh: the findings changed (<: no longer found, >: new): label them in $data/programs.txt" >&2; exit 1; }
