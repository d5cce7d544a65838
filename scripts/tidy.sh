#!/usr/bin/env bash
# clang-tidy on the C++ files that differ from a commit (all of them would take an hour).
#   scripts/tidy.sh BASE
. "$(dirname "$0")/lib.sh"

base=${1:?usage: scripts/tidy.sh BASE}
git rev-parse --verify --quiet "$base^{commit}" >/dev/null || usage_error "TIDY_BASE=$base is no commit of this repository"
"$VENV_PYTHON" scripts/check_wheels.py --quiet requirements-tidy.txt ||
  "$VENV_PYTHON" -m pip install --disable-pip-version-check --quiet -r requirements-tidy.txt

# A header is checked through the source of its name, and only the headers that changed are judged.
mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- 'simscale/*.cc' 'simscale/*.h' 'python/src/*.cc' 'python/src/*.h' 'bench/*.cc')
sources=()
headers='^$'
for file in "${files[@]}"; do
  case $file in *.h) headers+="|/$file\$" ;; esac
  source=${file%.h}
  source=${source%.cc}.cc
  if [ -f "$source" ]; then sources+=("$source"); fi
done
[ "${#sources[@]}" -gt 0 ] || { say "clang-tidy: no source changed since $base"; exit 0; }
mapfile -t sources < <(printf '%s\n' "${sources[@]}" | sort -u)

scripts/build.sh release build.ninja # brings compile_commands.json up to date, compiles nothing
mkdir -p build/tidy
"$VENV_PYTHON" scripts/tidy_commands.py build/release/compile_commands.json build/tidy/compile_commands.json
say "clang-tidy on ${#sources[@]} files"
# A file's findings are printed at once, since several files are checked side by side.
check() {
  local out
  # It exits non-zero for findings, and counts the warnings of all system headers on stderr.
  out=$("$VENV/bin/clang-tidy" -p build/tidy --quiet --header-filter="$headers" "$1" 2>/dev/null) || true
  # Whether it compiles is g++'s to say: clang can't digest every construct of GCC's own headers.
  if grep -E '(warning|error): ' <<<"$out" | grep -vqF '[clang-diagnostic-error]'; then
    printf '%s\n' "$out"
    return 1
  fi
}
export -f check
export VENV headers
printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(jobs)" bash -c 'check "$1"' _
