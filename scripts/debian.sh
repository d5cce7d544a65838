# Debian and Ubuntu packages: what of a list is missing, and installing that.
# shellcheck shell=bash

# missing_packages LIST-FILE: prints the packages of the list that are not installed, optional ones
# with their "?". About 30 ms.
missing_packages() {
  local listed installed
  listed=$(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$1")
  # dpkg-query fails where a package is unknown; what it prints of the others counts.
  # shellcheck disable=SC2086
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' ${listed//\?/} 2>/dev/null |
    sed -n 's/^installed //p' || true)
  grep -vxF -f <(printf '%s\n' "$installed" | sed -e '/^$/d' -e 'p;s/^/?/') <<<"$listed" || true
}

# as_root COMMAND...: runs it as it is, or through sudo. Without a terminal sudo must not ask.
# Without our lock: a service that a package starts would hold it for as long as it lives.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@" 9>&-
  elif [ -t 0 ]; then
    sudo "$@" 9>&-
  else
    sudo -n "$@" 9>&-
  fi
}

can_be_root() {
  [ "$(id -u)" -eq 0 ] && return
  command -v sudo >/dev/null || return
  [ -t 0 ] || sudo -n true 2>/dev/null
}

# available PACKAGE: does any list of packages on this machine offer it?
available() { [[ $(apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[^\(]* ]]; }

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }

refresh_lists() {
  say "refreshing the lists of packages"
  apt_get update >/dev/null || say "apt-get update failed; trying with the lists that are here"
}

apt_install() {
  # A dpkg that was interrupted refuses everything until it is told to finish.
  as_root dpkg --configure -a >/dev/null || true
  apt_get install -y --no-install-recommends "$@"
}

# install_debian_packages LIST-FILE: installs what is missing of it. Ends the script with status 2
# and the exact command to type where that needs rights which this user lacks.
install_debian_packages() {
  local package missing needed=() optional=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    usage_error "this system has no apt-get. Install the counterparts of these Debian packages," \
      "then run again with SIMSCALE_SKIP_SYSTEM=1: $(sed -e 's/#.*//' -e '/^?/d' "$1" | xargs)"
  fi
  for package in $(missing_packages "$1"); do
    case $package in
      \?*) optional+=("${package#\?}") ;;
      *) needed+=("$package") ;;
    esac
  done
  # What is optional comes along with what is needed; alone it is no reason to ask for rights.
  [ "${#needed[@]}" -gt 0 ] || return 0

  if ! can_be_root; then
    usage_error "Debian packages are missing, and this user is not root and may not use sudo." \
      "Let an administrator run this, then try again:"$'\n' \
      " apt-get update && apt-get install -y ${needed[*]}"
  fi
  for package in "${needed[@]}"; do
    available "$package" || { refresh_lists; break; }
  done
  for package in ${optional[@]+"${optional[@]}"}; do
    if available "$package"; then needed+=("$package"); fi
  done

  say "installing Debian packages: ${needed[*]}"
  # Old lists name versions that the mirror has dropped since, hence the second try.
  apt_install "${needed[@]}" || { refresh_lists && apt_install "${needed[@]}"; } ||
    fail "apt-get could not install the packages (its message is above). Is this machine online? By hand:"$'\n' \
      " apt-get update && apt-get install -y ${needed[*]}"
  missing=$(missing_packages "$1" | grep -v '^?' | xargs || true)
  [ -z "$missing" ] || fail "apt-get ended well, but these packages are still missing: $missing"
}
