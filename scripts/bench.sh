#!/usr/bin/env bash
# Runs the benchmarks one after another, so that they don't disturb each other, and leaves their JSON
# under runs/bench: bench/*.py, and whatever build/release/bin/*_bench there is.
#   scripts/bench.sh [NAME...]     e.g. scripts/bench.sh startup step_rollout; default: all
. "$(dirname "$0")/lib.sh"

out=runs/bench
all=(startup policy_latency step_rollout success) # the quick ones first
for binary in build/release/bin/*_bench; do
  if [ -x "$binary" ]; then all+=("$(basename "$binary" _bench)"); fi
done
names=("${@:-${all[@]}}")
for name in "${names[@]}"; do
  [[ " ${all[*]} " == *" $name "* ]] || usage_error "no benchmark named '$name'. There are: ${all[*]}"
done

mkdir -p "$out"
failed=()
for name in "${names[@]}"; do
  say "$name"
  if [ -f "bench/$name.py" ]; then
    "$VENV_PYTHON" "bench/$name.py" --json "$out/$name.json" || failed+=("$name")
  else
    "build/release/bin/${name}_bench" --benchmark_out="$out/$name.json" --benchmark_out_format=json ||
      failed+=("$name")
  fi
done
say "results are in $out"
[ "${#failed[@]}" -eq 0 ] || fail "failed: ${failed[*]}"
