# Shared by the scripts of this folder: `. "$(dirname "$0")/lib.sh"` as their first line of work.
# Sets ROOT, changes to it, and gives say, fail, usage_error, lock, jobs and elapsed.
# shellcheck shell=bash

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"
VENV=.venv
VENV_PYTHON=$VENV/bin/python

say() { printf '\033[1m==>\033[0m %s\n' "$*" | plain >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
usage_error() { printf 'error: %s\n' "$*" >&2; exit 2; }

# Colour is for people: a log file gets the bare words.
plain() { if [ -t 2 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }

# lock NAME: one at a time. Two makes in one tree wait for each other instead of mixing their files.
# The descriptor is inherited on purpose: after a kill -9 of the script it is held until its last
# child has ended, so that a rerun never meets a compiler that still writes.
lock() {
  command -v flock >/dev/null || return 0
  mkdir -p .cache
  exec 9>".cache/$1.lock"
  if ! flock -n 9; then
    say "another make is at '$1' in this tree; waiting for it"
    flock 9
  fi
}
unlock() { exec 9>&-; }

# How many compilers fit: a file that includes LibTorch takes up to 2 GiB.
jobs() {
  local cores memory
  if [ -n "${JOBS:-}" ]; then echo "$JOBS"; return; fi
  cores=$(nproc 2>/dev/null || echo 2)
  memory=$(awk '/^MemAvailable/ { print int($2 / 2097152) }' /proc/meminfo 2>/dev/null || echo "$cores")
  if [ "$memory" -lt 1 ]; then memory=1; fi
  if [ "$memory" -lt "$cores" ]; then echo "$memory"; else echo "$cores"; fi
}

# elapsed SECONDS -> "3 min 20 s"
elapsed() { if [ "$1" -ge 60 ]; then echo "$(($1 / 60)) min $(($1 % 60)) s"; else echo "$1 s"; fi; }
