#!/usr/bin/env bash
# Brings this machine to where the tree builds: Debian packages, then the pinned wheels in .venv.
# Installs only what is missing, so that a second run needs no network and under a second.
#
#   SIMSCALE_SKIP_SYSTEM=1   don't look at Debian packages (another distribution, libraries of your own)
#   PYTHON=/path/to/python   the interpreter of .venv, 3.11 or newer (default: the first one found)
. "$(dirname "$0")/lib.sh"
. scripts/debian.sh

REQUIREMENTS=(requirements.txt requirements-dev.txt)
# Installed without what they say they need.
BARE_REQUIREMENTS=(requirements-assets.txt requirements-examples.txt requirements-robomimic.txt)

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Sets `python` to the interpreter to make .venv from.
find_python() {
  local candidate
  python=${PYTHON:-}
  [ -z "$python" ] || return 0
  for candidate in python3 python3.12 python3.11 python3.13 python3.14; do
    if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
      python=$candidate
      return
    fi
  done
  usage_error "Python 3.11 or newer is needed, found $(python3 --version 2>/dev/null || echo none)." \
    "Debian 12, Ubuntu 24.04 and later have it; with another one installed, run:" \
    "make setup PYTHON=/path/to/python3.11"
}

make_venv() {
  local python
  find_python
  say "making $VENV with $("$python" --version)"
  # --clear: what an interrupted run left there is no base to build on.
  "$python" -m venv --clear "$VENV" || fail "could not make $VENV with $python;" \
    "on Debian and Ubuntu that needs the package python3-venv"
}

pip_install() {
  "$VENV_PYTHON" -m pip install --disable-pip-version-check --no-input --progress-bar off "$@" ||
    fail "could not install the pinned wheels (pip's own message is above). This step needs a package" \
      "index or a folder of wheels (PIP_FIND_LINKS=folder). What is done stays: run 'make setup' again."
}

install_wheels() {
  local broken
  if "$VENV_PYTHON" scripts/check_wheels.py --quiet "${REQUIREMENTS[@]}" "${BARE_REQUIREMENTS[@]}"; then
    return
  fi
  say "installing the pinned wheels into $VENV (torch alone is from 200 MB to 3 GB)"
  # A wheel that lost files counts as installed for pip, so it has to be named.
  mapfile -t broken < <("$VENV_PYTHON" scripts/check_wheels.py --repair \
    "${REQUIREMENTS[@]}" "${BARE_REQUIREMENTS[@]}")
  if [ "${#broken[@]}" -gt 0 ]; then
    say "installing again, since files of it are missing or cut short: ${broken[*]}"
    pip_install --quiet --no-deps --force-reinstall "${broken[@]}"
  fi
  pip_install --quiet "${REQUIREMENTS[@]/#/--requirement=}"
  pip_install --quiet --no-deps "${BARE_REQUIREMENTS[@]/#/--requirement=}"
  "$VENV_PYTHON" scripts/check_wheels.py "${REQUIREMENTS[@]}" "${BARE_REQUIREMENTS[@]}" ||
    fail "pip ended well but the wheels above are not as pinned; remove $VENV and run 'make setup' again"
}

# Where torch is a CUDA build, what compiling against its NCCL takes besides.
install_cuda_headers() {
  compgen -G "$VENV/lib/python3*/site-packages/torch/lib/libtorch_cuda.so" >/dev/null || return 0
  "$VENV_PYTHON" scripts/check_wheels.py --quiet requirements-cuda.txt ||
    pip_install --quiet --no-deps --requirement=requirements-cuda.txt
}

# Is .venv usable, and of the version that PYTHON asks for (if it asks)?
venv_is_good() {
  [ -x "$VENV_PYTHON" ] && new_enough "$VENV_PYTHON" && "$VENV_PYTHON" scripts/check_wheels.py --pip &&
    { [ -z "${PYTHON:-}" ] || [ "$(minor_version "$PYTHON")" = "$(minor_version "$VENV_PYTHON")" ]; }
}
minor_version() { "$1" -c 'import sys; print(sys.version_info[:2])'; }

lock setup
if [ -n "${PYTHON:-}" ] && ! new_enough "$PYTHON"; then
  usage_error "PYTHON=$PYTHON must be a Python of 3.11 or newer, got:" \
    "$("$PYTHON" --version 2>/dev/null || echo "no such program")"
fi
if [ -z "${SIMSCALE_SKIP_SYSTEM:-}" ]; then
  install_debian_packages scripts/debian-packages.txt
fi
venv_is_good || make_venv
install_wheels
install_cuda_headers
