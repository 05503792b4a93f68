# What the benches share; sourced by them. `failed` is 1 once a budget is broken.
timed() { # microseconds of one command
  local start=$EPOCHREALTIME
  "$@" >/dev/null
  local end=$EPOCHREALTIME
  echo $((${end/./} - ${start/./}))
}
median() { sort -n | awk '{ a[NR] = $1 } END { print int((a[int((NR + 1) / 2)] + a[int((NR + 2) / 2)]) / 2) }'; }
failed=0
holds() { # DESCRIPTION VALUE LIMIT
  if [ "$2" -le "$3" ]; then echo "ok    $1: $2, at most $3"; else echo "OVER  $1: $2, at most $3"; failed=1; fi
}
