# What the scripts need from the system: only this file lists and installs it. To be sourced.

# A Debian package for each need, in the order of `is_present`.
needed_packages=(libopenblas-dev libzstd-dev libmicrohttpd-dev libcurl4 zstd python3)

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Whether the need that a Debian package fills is filled, by that package or otherwise.
is_present() {
  case $1 in
    libopenblas-dev) has_library openblas "$1" ;;
    libzstd-dev) has_library libzstd "$1" ;;
    libmicrohttpd-dev) has_library libmicrohttpd "$1" ;;
    libcurl4) loads_curl ;;
    qemu-user) command -v qemu-aarch64 >/dev/null ;;
    libc6-dev-arm64-cross) [ -e /usr/aarch64-linux-gnu/include/stdio.h ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

has_library() {
  if command -v pkg-config >/dev/null; then
    pkg-config --exists "$1"
  else
    dpkg-query --show --showformat='${db:Status-Status}' "$2" 2>/dev/null | grep -qx installed
  fi
}

# `quire evaluate --server` loads it at run time, whichever TLS library it was built with; macOS has it.
loads_curl() {
  [ "$(uname)" = Darwin ] || PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -cE 'libcurl(-gnutls)?\.so\.4' >/dev/null
}

missing_packages() {
  local package
  for package in "$@"; do
    is_present "$package" || printf '%s\n' "$package"
  done
}

# Installs what is missing where that is possible; otherwise ends with one sentence that names it.
require_system() {
  command -v swift >/dev/null ||
    fail "Swift 6.2 or later is needed and 'swift' was not found; install it from swift.org and run this again."
  require_packages " (on macOS: brew install openblas zstd libmicrohttpd python3)" "${needed_packages[@]}"
}

# The same for packages of one's own. The first argument is what else to say when they cannot be installed.
require_packages() {
  local hint=$1 missing names
  shift
  missing=$(missing_packages "$@" | paste -sd " ")
  [ -n "$missing" ] || return 0
  names=$missing$hint
  command -v apt-get >/dev/null ||
    fail "These system packages are needed and there is no apt-get to install them with: $names."
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null ||
      fail "These system packages are needed and only an administrator can install them: $names."
    as_root=(sudo -n)
  fi
  say "Installing $missing"
  as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq)
  # Without the package lists an installation may still succeed from a cache.
  "${as_root[@]}" update </dev/null || true
  # shellcheck disable=SC2086 # one word a package
  "${as_root[@]}" install --yes --no-install-recommends $missing </dev/null ||
    fail "apt-get could not install $missing; install them by hand and run this again."
  missing=$(missing_packages "$@" | paste -sd " ")
  [ -z "$missing" ] || fail "apt-get has run and these packages are still missing: $missing; install them by hand."
}
