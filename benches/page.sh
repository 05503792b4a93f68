#!/usr/bin/env bash
# Writes the tables of docs/performance.md, between its marks, and docs/images/performance-*.svg, from benches/*.tsv. The same
# figures give the same bytes; --check fails if the page is not what the figures say.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/images"

# Colours that can be read on white and on black, whatever a page thinks the reader prefers.
style='<style>text{font:12px sans-serif;fill:#6e7781}.t{font-weight:bold}.l{stroke:#8c959f;stroke-width:1;fill:none}.o{fill:#2f81f7}.g{fill:#8c959f}</style>'

# Bars: how long lithify takes, as a ratio; 1 is what a user would run instead. Logarithmic, so that half and twice are as long.
awk -F'\t' -v style="$style" '
  /^#/ { next }
  { n++; what[n] = $1; than[n] = $2; ratio[n] = $11; low[n] = $12; high[n] = $13 }
  function x(value,  v) { v = value < 0.05 ? 0.05 : value > 4 ? 4 : value; return 420 + 400 * log(v / 0.05) / log(80) }
  END {
    height = 46 + 22 * n
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 890 %d\" role=\"img\" aria-label=\"Time of lithify as a ratio to what a user would run instead\">%s\n", height, style
    for (i = 1; i <= 5; i++) {
      split("0.05 0.25 1 2 4", marks, " ")
      printf "<path class=\"l\"%s d=\"M%.1f 24V%d\"/><text text-anchor=\"middle\" x=\"%.1f\" y=\"16\">%s×</text>\n", (marks[i] == 1 ? "" : " stroke-dasharray=\"2 4\""), x(marks[i]), height - 8, x(marks[i]), marks[i]
    }
    for (i = 1; i <= n; i++) {
      y = 20 + 22 * i; a = x(ratio[i]); b = x(1)
      printf "<text x=\"412\" y=\"%d\" text-anchor=\"end\"><tspan class=\"t\">%s</tspan> against %s</text>", y + 4, what[i], than[i]
      printf "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"10\"/>", (ratio[i] <= 1 ? "o" : "g"), (a < b ? a : b), y - 5, (a < b ? b - a : a - b) + 0.5
      printf "<path class=\"l\" d=\"M%.1f %dH%.1f\"/><text class=\"t\" x=\"830\" y=\"%d\">%.2f×</text>\n", x(low[i]), y, x(high[i]), y + 4, ratio[i]
    }
    print "</svg>"
  }' benches/figures.tsv >"$out/images/performance-ratios.svg"

# Lines: CPU by number of files, both logarithmic.
awk -F'\t' -v style="$style" '
  /^#/ { next }
  !($1 in points) { order[++n] = $1 }
  { points[$1] = points[$1] (points[$1] == "" ? "" : " ") sprintf("%.1f,%.1f", x($2), y($3)); last[$1] = y($3) }
  function x(files) { return 70 + 520 * log(files / 10000) / log(100) }
  function y(us) { return 330 - 300 * log(us / 5000) / log(10000) }
  END {
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 370\" role=\"img\" aria-label=\"CPU by number of files\">%s\n", style
    for (us = 10000; us <= 10000000; us *= 10) printf "<path class=\"l\" stroke-dasharray=\"2 4\" d=\"M70 %.1fH590\"/><text x=\"62\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", y(us), y(us) + 4, (us < 1000000 ? us / 1000 " ms" : us / 1000000 " s")
    for (files = 10000; files <= 1000000; files *= 10) printf "<path class=\"l\" stroke-dasharray=\"2 4\" d=\"M%.1f 30V330\"/><text x=\"%.1f\" y=\"350\" text-anchor=\"middle\">%s files</text>\n", x(files), x(files), (files < 1000000 ? files / 1000 ",000" : "1,000,000")
    split("#2f81f7 #d29922 #3fb950 #db61a2 #8c959f", colours, " ")
    for (i = 1; i <= n; i++) printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/><text x=\"598\" y=\"%.1f\" style=\"fill:%s\">%s</text>\n", points[order[i]], colours[i], place(last[order[i]]) + 4, colours[i], order[i]
    print "</svg>"
  }
  # Names do not lie on each other.
  function place(at,  k, moved) {
    do { moved = 0; for (k in taken) if (at - taken[k] < 14 && taken[k] - at < 14) { at = taken[k] + 14; moved = 1 } } while (moved)
    taken[at] = at
    return at
  }' benches/growth.tsv >"$out/images/performance-growth.svg"

ratios() {
  echo "| task | instead | time | CPU | peak memory | system calls |"
  echo "| --- | --- | --- | --- | --- | --- |"
  awk -F'\t' '
    function ms(us) { return us < 10000 ? sprintf("%.1f ms", us / 1000) : sprintf("%.0f ms", us / 1000) }
    function mib(kib) { return sprintf("%.1f MiB", kib / 1024) }
    !/^#/ { printf "| `%s` | `%s` | **%.2f** (%.2f to %.2f) | **%.2f** (%s, %s) | %s, %s | %s, %s |\n", $1, $2, $11, $12, $13, $14, ms($4), ms($8), mib($5), mib($9), $6, $10 }' benches/figures.tsv
  echo
  sed -n 's/^# CPUs/CPUs/p' benches/figures.tsv | sed 's/$/. Time and CPU: the median of the ratios of runs right after one another, time with its quartiles; then CPU of lithify and of the other. Memory and calls: lithify, the other./'
}
bytes_of_others() {
  echo "| program | bytes |"
  echo "| --- | --- |"
  awk -F'\t' '/^# bytes/ { print "| `" $2 "` | " $3 " |" }' benches/figures.tsv
}
growth() {
  echo "| files | $(awk -F'\t' '!/^#/ && !seen[$1]++ { printf "%s`%s`", (n++ ? " | " : ""), $1 }' benches/growth.tsv) |"
  echo "| --- |$(awk -F'\t' '!/^#/ && !seen[$1]++ { printf " --- |" }' benches/growth.tsv)"
  awk -F'\t' '
    !/^#/ { if (!($2 in row)) order[++n] = $2; row[$2] = row[$2] sprintf(" %s, %.1f MiB |", $3 < 10000000 ? sprintf("%.0f ms", $3 / 1000) : sprintf("%.1f s", $3 / 1000000), $4 / 1024) }
    END { for (i = 1; i <= n; i++) print "| " order[i] " |" row[order[i]] }' benches/growth.tsv
  echo
  sed -n 's/^# CPUs/CPUs/p' benches/growth.tsv | sed 's/$/. CPU, and peak memory of the largest process./'
}
bytes() {
  echo "| part | bytes | share |"
  echo "| --- | --- | --- |"
  awk -F'\t' '
    /^# total/ { total = $2; next }
    { part[++n] = $1; size[n] = $2; rest += $2 }
    END {
      for (i = 1; i <= n; i++) printf "| `%s` | %d | %.1f %% |\n", part[i], size[i], 100 * size[i] / total
      printf "| texts, tables and other constants | %d | %.1f %% |\n| **all** | **%d** | |\n", total - rest, 100 * (total - rest) / total, total
    }' benches/bytes.tsv
}
# Replaces what is between the marks `<!-- NAME -->` and `<!-- end -->`.
cp docs/performance.md "$out/page"
for name in ratios bytes_of_others growth bytes; do
  "$name" >"$out/$name"
  awk -v mark="<!-- $name -->" -v from="$out/$name" '
    $0 == "<!-- end -->" { inside = 0 }
    !inside { print }
    $0 == mark { inside = 1; print ""; while ((getline line <from) > 0) print line; print "" }' "$out/page" >"$out/next"
  mv "$out/next" "$out/page"
done

if [ "${1:-}" = --check ]; then
  cmp "$out/page" docs/performance.md
  for image in "$out"/images/*; do cmp "$image" "docs/images/$(basename "$image")"; done
else
  cp "$out/page" docs/performance.md
  cp "$out"/images/* docs/images/
fi
