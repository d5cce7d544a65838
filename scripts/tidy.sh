#!/usr/bin/env bash
# clang-tidy on the C++ files that differ from a commit (all of them would take an hour).
#   scripts/tidy.sh BASE
. "$(dirname "$0")/lib.sh"
. scripts/debian.sh

base=${1:?usage: scripts/tidy.sh BASE}
git rev-parse --verify --quiet "$base^{commit}" >/dev/null || usage_error "TIDY_BASE=$base is no commit of this repository"
if [ -z "${SIMSCALE_SKIP_SYSTEM:-}" ]; then install_debian_packages scripts/debian-packages-lint.txt; fi

# A header is checked through the source of its name.
mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- '*.cc' '*.h' | sed 's/\.h$/.cc/' | sort -u)
sources=()
for file in "${files[@]}"; do
  if [ -f "$file" ]; then sources+=("$file"); fi
done
[ "${#sources[@]}" -gt 0 ] || { say "clang-tidy: no source changed since $base"; exit 0; }

[ -f build/release/compile_commands.json ] || scripts/build.sh release build.ninja
mkdir -p build/tidy
"$VENV_PYTHON" scripts/tidy_commands.py build/release/compile_commands.json build/tidy/compile_commands.json
say "clang-tidy on ${#sources[@]} files"
printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(jobs)" clang-tidy -p build/tidy --quiet
