#!/usr/bin/env bash
# What each part of the shipped binary costs, for docs/performance.md: writes benches/bytes.tsv from the symbols of
# dist/lithify.debug (`just release`). Code that the compiler has inlined counts for the function that it stands in, and
# code that it has outlined (OUTLINED_FUNCTION) for none.
set -euo pipefail
cd "$(dirname "$0")/.."
debug=${DEBUG_BIN:-dist/lithify.debug}
shipped=${LITHIFY_BIN:-dist/lithify}
{
  printf '# total\t%s\n' "$(stat -Lc %s "$shipped")"
  nm --print-size --demangle "$debug" | awk '
    function hex(text,  i, n) { n = 0; for (i = 1; i <= length(text); i++) n = 16 * n + index("0123456789abcdef", substr(text, i, 1)) - 1; return n }
    # Space that the file does not hold, and names that stand for the same code.
    $3 ~ /[bB]/ || $2 !~ /^[0-9a-f]+$/ || length($3) != 1 || seen[$1 $2]++ { next }
    {
      size = hex($2)
      name = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", name)
      if (name ~ /OUTLINED_FUNCTION/) part = "code that repeats, outlined"
      else if (match(name, /lithify::[a-z_]+/)) part = "lithify: " substr(name, RSTART + 9, RLENGTH - 9)
      else if (match(name, /(clap_builder|clap_lex|clap|toml_parser|toml|winnow|serde_json|serde|nix|sha2|caps|fast_glob|hashbrown|thiserror)::/)) {
        part = substr(name, RSTART, RLENGTH - 2); sub(/_builder|_lex|_parser/, "", part)
        part = part == "winnow" ? "toml" : part == "hashbrown" ? "std" : part
      }
      else if (name ~ /(^|[<&( ])(core|alloc|std|compiler_builtins|memchr|itoa)::/ || name ~ /^</) part = "std"
      else if (name ~ /[A-Za-z]::/) part = "other crates"
      else part = "musl and data without a name"
      sum[part] += size
    }
    END { for (part in sum) print part "\t" sum[part] }' | sort -t"$(printf '\t')" -k2,2nr
} >"${OUT:-benches/bytes.tsv}"
