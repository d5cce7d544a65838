#!/usr/bin/env bash
# Runs every benchmark of bench/ (build/release/bin/*_bench) and `simscale bench env`, one after another
# so that they don't disturb each other, and leaves their JSON under runs/bench.
#   scripts/bench.sh [NAME...]     e.g. scripts/bench.sh common config; default: all
. "$(dirname "$0")/lib.sh"

out=runs/bench
mkdir -p "$out"
ran=0
failed=()
wanted() { [ "$#" -eq 1 ] || [[ " ${*:2} " == *" $1 "* ]]; }

for binary in build/release/bin/*_bench; do
  [ -x "$binary" ] || continue
  name=$(basename "$binary" _bench)
  wanted "$name" "$@" || continue
  say "$name"
  "$binary" --benchmark_out="$out/$name.json" --benchmark_out_format=json || failed+=("$name")
  ran=$((ran + 1))
done
if wanted env "$@"; then
  say "env: control steps against a bare mj_step loop"
  build/release/bin/simscale bench env --env-name pick_place --num-envs 64 --threads "$(nproc)" \
    --json "$out/env.json" || failed+=(env)
  ran=$((ran + 1))
fi

[ "$ran" -gt 0 ] || usage_error "no benchmark of that name: $*." \
  "There are: env $(cd build/release/bin && ls | sed -n 's/_bench$//p' | xargs)"
say "results are in $out"
[ "${#failed[@]}" -eq 0 ] || fail "failed: ${failed[*]}"
