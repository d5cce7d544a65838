#!/usr/bin/env bash
# The main job from end to end: demonstrations -> policy -> success rate and video, in runs/demo.
# A second run goes on where the first one stopped and skips what is done; FRESH=1 begins anew.
# Ends with status 1 if the policy succeeds in fewer than 90 % of the episodes.
#
#   DEMO_DIR=DIR  DEMO_ENV=pick_place|reach  DEMO_DEMONSTRATIONS=N  DEMO_EPISODES=N   change its size
. "$(dirname "$0")/lib.sh"

simscale=build/release/bin/simscale
dir=${DEMO_DIR:-runs/demo}
env=${DEMO_ENV:-pick_place}
demonstrations=${DEMO_DEMONSTRATIONS:-500}
episodes=${DEMO_EPISODES:-500}
dataset=$dir/$env.h5
run=$dir/bc
report=$dir/eval.json
video=$dir/video
required=90 # percent

lock demo
if [ -n "${FRESH:-}" ]; then rm -rf "$dir"; fi
mkdir -p "$dir"
[ -x "$simscale" ] || fail "no $simscale: run 'make build' first"

# step TITLE COMMAND...: says what runs, so that it can be typed by hand, and how long it took.
step() {
  local title=$1 started=$SECONDS
  shift
  say "$title"
  printf '    %s\n' "$*" >&2
  "$@" || {
    local status=$?
    printf 'error: that step ended with status %s; "make demo" goes on from there\n' "$status" >&2
    exit "$status"
  }
  times+=("$(printf '%-12s %s' "${title%%:*}" "$(elapsed $((SECONDS - started)))")")
}
times=()

step "datagen: $demonstrations demonstrations by the scripted expert" \
  "$simscale" datagen --env-name "$env" --n-episodes "$demonstrations" --output "$dataset" --resume
step "train: behaviour cloning from states" \
  "$simscale" train --model bc --env-name "$env" --dataset "$dataset" --checkpoint-dir "$run" --resume

# Measured already, by this very policy and binary?
if [ -f "$report" ] && [ "$report" -nt "$run/best/manifest.json" ] && [ "$report" -nt "$simscale" ] &&
  [ "$(sed -n 1p "$dir/.episodes" 2>/dev/null)" = "$episodes" ]; then
  say "eval: done already, $report"
else
  rm -rf "$report" "$video"
  step "eval: $episodes episodes that training never saw" \
    "$simscale" eval "$run" --env-name "$env" --n-episodes "$episodes" --json "$report" --video "$video"
  echo "$episodes" >"$dir/.episodes"
fi

printf '\n'
printf '  %s\n' ${times[@]+"${times[@]}"}
"$VENV_PYTHON" scripts/demo_summary.py --required "$required" --checkpoint "$run/best" --video "$video" "$report"
