#!/usr/bin/env bash
# Configures (when needed) and builds one preset of CMakePresets.json into build/PRESET.
#   scripts/build.sh [PRESET] [TARGET...]      default: release, everything
# JOBS=N sets the number of compilers.
. "$(dirname "$0")/lib.sh"

preset=${1:-release}
shift || true
build=build/$preset
[ -x "$VENV_PYTHON" ] || fail "no $VENV in this tree: run 'make setup' first"
lock "build-$preset"

# The same object files serve every clone on this machine.
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1

configure() {
  # A cache from another folder (a moved or copied tree) can't be brought along.
  if [ -f "$build/CMakeCache.txt" ] &&
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT" "$build/CMakeCache.txt"; then
    say "this tree has moved: configuring $build anew"
    rm -rf "$build/CMakeCache.txt" "$build/CMakeFiles"
  fi
  say "configuring $build"
  cmake --preset "$preset" >"$build.configure.log" 2>&1 || {
    cat "$build.configure.log" >&2
    fail "cmake could not configure $build (its message is above)"
  }
  printf '%s\n' "$key" >"$build/.configured"
}

# What a configured tree rests on besides its CMake files, which ninja watches by itself.
key=$(printf '%s ' "$ROOT" "$preset" && cat CMakePresets.json requirements.txt "$VENV/pyvenv.cfg" | cksum)
if [ ! -f "$build/build.ninja" ] || [ "$(cat "$build/.configured" 2>/dev/null)" != "$key" ]; then
  mkdir -p "$build"
  configure
fi

started=$SECONDS
log=$build/build.log
if [ -t 1 ]; then
  ninja -C "$build" -j "$(jobs)" "$@"
else
  # Without a terminal every step would be a line of the log: only what went wrong belongs there.
  ninja -C "$build" -j "$(jobs)" "$@" >"$log" 2>&1 || {
    # From the first thing that failed on; of a failed configuration the cause stands before that.
    if grep -q '^CMake Error' "$log"; then
      grep -v '^\[[0-9]' "$log" | tail -n 40
    else
      sed -n '/^FAILED:/,$p' "$log" | head -n 200
    fi >&2
    fail "the build failed; all of its output is in $log"
  }
fi
if [ $((SECONDS - started)) -gt 2 ]; then say "built $build in $(elapsed $((SECONDS - started)))"; fi

# .venv/bin/simscale runs what was built last as release. The binary finds its files by its real path.
if [ "$preset" = release ] && [ -x "$build/bin/simscale" ]; then
  link=$VENV/bin/simscale
  target=../../$build/bin/simscale
  if [ "$(readlink "$link" 2>/dev/null)" != "$target" ]; then
    ln -sfn "$target" "$link"
  fi
fi

# .venv/bin/python imports the module that was built last as release, by a path that a moved tree keeps.
if [ "$preset" = release ] && [ -d "$build/python/simscaleai" ]; then
  read -r site path < <("$VENV_PYTHON" - "$build/python" <<'EOF'
import os, sys, sysconfig
site = sysconfig.get_path("purelib")
print(site, os.path.join(os.path.relpath(os.path.dirname(sys.prefix), site), sys.argv[1]))
EOF
  )
  if [ "$(cat "$site/simscaleai.pth" 2>/dev/null)" != "$path" ]; then
    printf '%s\n' "$path" >"$site/simscaleai.pth"
  fi
fi
