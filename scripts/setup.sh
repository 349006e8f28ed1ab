# shellcheck shell=bash
# Sourced by scripts/demo and scripts/test: everything they need, set up where it is missing, from a bare python3 and
# apt, as root or not. Runs again without harm; two at once wait for each other.
set -euo pipefail
umask 022
unset PYTHONDONTWRITEBYTECODE # images of containers set it, and then each process compiles all its modules again
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=.venv
RUNTIME=${MAILLAGE_RUNTIME:-.runtime}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

find_python() {
  local candidate
  for candidate in ${MAILLAGE_PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python 3.11 or newer here. On Debian: apt-get install python3. Elsewhere: set MAILLAGE_PYTHON."
}

# Unpacks a Debian package, without root and without the machine's own lists of packages: a private apt uses this
# machine's sources and checks the signature.
fetch_package() { # fetch_package PACKAGE DIRECTORY
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  local package=$1 work options
  mkdir -p "$2"
  work=$(cd "$2" && pwd -P)
  mkdir -p "$work"/{lists/partial,cache/archives/partial}
  options=(-qq -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o "Acquire::Languages=none"
    -o "APT::Sandbox::User=$(id -un)" -o "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false")
  (
    cd "$work"
    apt-get "${options[@]}" update >&2 || exit 1
    apt-get "${options[@]}" download "$package" >&2 || exit 1
    dpkg-deb -x "${package}"_*.deb . || exit 1
    rm -rf lists cache
  )
}

make_venv() {
  local python=$1
  say "making $VENV with $("$python" --version)."
  rm -rf "$VENV"
  if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv "$VENV"
  else
    "$python" -m venv --without-pip "$VENV"
    local work
    work=$(mktemp -d "$PWD/$RUNTIME/pip.XXXXXX")
    # Debian's python3 comes without pip and without ensurepip; this package has pip as a wheel
    fetch_package python3-pip-whl "$work" ||
      fail "this Python has no pip (module ensurepip), and Debian's could not be fetched: install python3-venv."
    "$VENV/bin/python" "$(echo "$work"/usr/share/python-wheels/pip-*.whl)/pip" install -q --no-index --no-deps \
      "$work"/usr/share/python-wheels/pip-*.whl
    rm -rf "$work"
  fi
}

set_up() {
  local here stamp made
  mkdir -p "$RUNTIME"
  exec 8>"$RUNTIME/setup.lock"
  flock -n 8 || { say "another set-up is running here; waiting for it."; flock 8; }

  here=$(pwd -P)
  # a virtual environment does not survive being moved, nor the removal of its Python
  if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null || [ "$(cat "$VENV/made-in" 2>/dev/null || echo "$here")" != "$here" ]; then
    make_venv "$(find_python)"
  fi
  echo "$here" >"$VENV/made-in"

  stamp=$(cat requirements.txt pyproject.toml | sha256sum | cut -d' ' -f1)
  made=$(cat "$VENV/made-of" 2>/dev/null || :)
  if [ "$made" != "$stamp" ]; then
    say "installing the pinned packages of requirements.txt (a minute at the first time) …"
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input --require-hashes -r requirements.txt
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
    echo "$stamp" >"$VENV/made-of"
  fi

  # a server that is given isn't fetched
  if [ -z "${MAILLAGE_DATABASE_URL:-}" ] || [ -z "${MAILLAGE_MQTT_URL:-}" ] || [ "${1:-}" = all ]; then
    scripts/fetch-servers
  fi
  exec 8>&-
}
