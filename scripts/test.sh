#!/usr/bin/env bash
# Runs the C++ tests (ctest) and then the Python ones (pytest), both of them even if one fails.
#   scripts/test.sh [PRESET]       default: release; with a sanitizer preset only ctest runs
# TESTS=REGEX picks among the C++ tests, PYTEST_ARGS="..." is handed to pytest.
. "$(dirname "$0")/lib.sh"

preset=${1:-release}
build=build/$preset
failed=()

case $preset in
  asan)
    # Pools of LibTorch and of the GL driver, and fontconfig's settings, live as long as the process.
    export ASAN_OPTIONS="detect_leaks=1:detect_odr_violation=0:${ASAN_OPTIONS:-}"
    export LSAN_OPTIONS="suppressions='$ROOT/scripts/lsan.supp':print_suppressions=0:${LSAN_OPTIONS:-}"
    export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:${UBSAN_OPTIONS:-}" ;;
  tsan)
    # The wheels are not built with the thread sanitizer, so it can't see their locks.
    export TSAN_OPTIONS="suppressions='$ROOT/scripts/tsan.supp':halt_on_error=1:${TSAN_OPTIONS:-}"
    export OMP_NUM_THREADS=1 ;;
esac

say "C++ tests of $build"
ctest --test-dir "$build" --output-on-failure --no-tests=error --timeout "${TEST_TIMEOUT:-900}" \
  -j "$(nproc)" ${TESTS:+-R "$TESTS"} || failed+=(ctest)

if [ "$preset" = release ]; then
  say "Python tests"
  export SIMSCALE_BIN=$ROOT/$build/bin/simscale
  # shellcheck disable=SC2086
  "$VENV_PYTHON" -m pytest ${PYTEST_ARGS:-} || failed+=(pytest)
fi

[ "${#failed[@]}" -eq 0 ] || fail "failed: ${failed[*]}"
