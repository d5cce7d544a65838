#!/usr/bin/env bash
# Checks every tracked source: clang-format, ruff, and the rules of scripts/check_tree.py.
#   scripts/lint.sh --fix          rewrites instead of reporting, where that is possible
#   TIDY_BASE=origin/main          clang-tidy too, on the C++ files that differ from that commit
. "$(dirname "$0")/lib.sh"

failed=()
# clang-format comes as a pinned wheel: two versions of it never agree on a file.
clang_format=$VENV/bin/clang-format
mapfile -d '' -t cpp < <(git ls-files -z '*.h' '*.cc')
mapfile -d '' -t python < <(git ls-files -z '*.py')

run() {
  local name=$1
  shift
  "$@" || failed+=("$name")
}

# One line a file: make format shows the rest.
check_format() {
  local wrong
  wrong=$("$clang_format" --dry-run --Werror -- "${cpp[@]}" 2>&1 |
    sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: error:.*/\1: not in the house format/p' | uniq)
  [ -z "$wrong" ] || { printf '%s\n' "$wrong" >&2 && return 1; }
}

if [ "${1:-}" = --fix ]; then
  "$clang_format" -i -- "${cpp[@]}"
  "$VENV_PYTHON" -m ruff check --quiet --fix -- "${python[@]}" || true
  "$VENV_PYTHON" -m ruff format --quiet -- "${python[@]}"
  exit 0
fi

say "clang-format on ${#cpp[@]} files"
run clang-format check_format
say "ruff on ${#python[@]} files"
run "ruff check" "$VENV_PYTHON" -m ruff check --quiet -- "${python[@]}"
run "ruff format" "$VENV_PYTHON" -m ruff format --quiet --check -- "${python[@]}"
say "the tree's own rules"
run check_tree "$VENV_PYTHON" scripts/check_tree.py
if [ -n "${TIDY_BASE:-}" ]; then run clang-tidy scripts/tidy.sh "$TIDY_BASE"; fi

[ "${#failed[@]}" -eq 0 ] || fail "failed: ${failed[*]} (make format mends what a tool can mend)"
