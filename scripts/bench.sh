#!/usr/bin/env bash
# Runs the benchmarks one after another, so that they don't disturb each other, and leaves their JSON
# under runs/bench: bench/*.py, and whatever build/release/bin/*_bench there is.
#   scripts/bench.sh [NAME...]     e.g. scripts/bench.sh startup step_rollout; default: all
. "$(dirname "$0")/lib.sh"

out=runs/bench
all=(startup policy_latency likeness loader render step_rollout success rl step_randomize scale soak step_panda step_suite rl_suite) # the quick ones first
with_wheels=(step_randomize soak step_panda step_suite) # need requirements-bench.txt
for binary in build/release/bin/*_bench; do
  if [ -x "$binary" ]; then all+=("$(basename "$binary" _bench)"); fi
done
names=("${@:-${all[@]}}")
for name in "${names[@]}"; do
  [[ " ${all[*]} " == *" $name "* ]] || usage_error "no benchmark named '$name'. There are: ${all[*]}"
done

for name in "${with_wheels[@]}"; do
  [[ " ${names[*]} " == *" $name "* ]] || continue
  "$VENV_PYTHON" scripts/check_wheels.py --quiet requirements-bench.txt && break
  say "installing requirements-bench.txt into $VENV (EnvPool and its models: 530 MB on the disk)"
  "$VENV_PYTHON" -m pip install --disable-pip-version-check --quiet --no-deps -r requirements-bench.txt ||
    fail "could not install requirements-bench.txt (pip's own message is above)"
  break
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
