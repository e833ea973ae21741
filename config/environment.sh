#!/bin/sh
# Install this checkout into a virtual environment of its own, and print the environment's bin folder.
#
#   sh config/environment.sh            the program, in .venv: only where it or its libraries changed since the last time
#   sh config/environment.sh --test     the program and what tests it, in .venv-test
#   sh config/environment.sh --newest   the same with the newest libraries that pyproject.toml allows, in .venv-newest
#
# The other two take the versions in tests/constraints.txt. FEEDS_PYTHON names the Python to use, FEEDS_VENV another
# place for the environment.
set -eu
cd "$(dirname "$0")/.."

fail() {
  echo "feeds: $1" >&2
  exit 1
}

extra='[test]' constraints='--constraint tests/constraints.txt'
case ${1:-} in
  --test) place=.venv-test ;;
  --newest) place=.venv-newest constraints='--upgrade --upgrade-strategy eager' ;;
  *) place=.venv extra= ;;
esac
venv=${FEEDS_VENV:-$place}
case $venv in
  /*) ;;
  *) venv=$(pwd -P)/$venv ;;
esac

version_of() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# Print a checksum of what is installed: the sources, the versions, the Python, and the place, which scripts name.
state() {
  {
    echo "$venv" "$(version_of "$venv/bin/python")"
    cat pyproject.toml tests/constraints.txt config/feeds.schema.json
    find feeds config/recipes tests/data/plugin -type f ! -name '*.pyc' -exec cksum {} + | LC_ALL=C sort
  } | cksum
}

stamp=$venv/installed
if [ "$place" = .venv ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(state)" ]; then
  echo "$venv/bin"
  exit
fi

# The first Python that is new enough and can make an environment; else one that is new enough, and another tool for it.
python= whole=
for candidate in ${FEEDS_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
  candidate=$(command -v "$candidate") || continue # its path: without a PATH, Python would not know where it is
  "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
  python=${python:-$candidate}
  if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
    python=$candidate whole=yes
    break
  fi
done

has() {
  command -v "$1" >/dev/null
}

make_environment() {
  if [ -n "$whole" ]; then
    "$python" -m venv $clear "$venv"
  elif has uv; then
    uv venv --quiet --seed $clear --python "${python:->=3.11}" "$venv"
  elif [ -z "$python" ]; then
    found=$(version_of python3) || found=none
    fail "Python 3.11 or newer is needed (python3 here: $found); install it, or uv, or name one in FEEDS_PYTHON."
  elif has virtualenv; then
    virtualenv --quiet $clear --python "$python" "$venv"
  elif "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m venv --without-pip $clear "$venv" && "$python" -m pip --python "$venv/bin/python" install --quiet pip
  else
    fail "$python has no venv module; install it (Debian, Ubuntu: python$(version_of "$python")-venv), or uv, or virtualenv."
  fi
}

umask 022
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 # a user's setting of the first would be refused in an environment
mkdir -p "$venv" 2>/dev/null && [ -w "$venv" ] || fail "$venv cannot be written; name another place in FEEDS_VENV."
rm -f "$stamp"

pip() {
  "$venv/bin/python" -m pip --quiet --quiet "$@" >&2 ||
    fail "pip could not install the libraries (see above): is there a network? Or name an older Python in FEEDS_PYTHON."
}

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  clear=
  [ ! -f "$venv/pyvenv.cfg" ] || clear=--clear # left half made, or its Python is gone
  make_environment >&2 || fail "the virtual environment $venv could not be made; the reason stands above."
fi
echo "feeds: installing into $venv" >&2
now=$(state) # before the wheel is built: what is edited meanwhile is installed the next time

wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
trap 'exit 1' HUP INT TERM
pip install $constraints 'hatchling>=1.27'
pip wheel --no-deps --no-build-isolation --wheel-dir "$wheels" .
wheel=$(echo "$wheels"/feeds-*.whl)
pip install $constraints "$wheel$extra"
pip install --no-deps --force-reinstall "$wheel"
if [ -n "$extra" ]; then # no part of this environment: it takes other versions of some libraries
  "$venv/bin/python" -m pip --quiet --quiet install --upgrade --target "$venv/s3-server" --requirement tests/s3-server.txt >&2 ||
    echo "feeds: the S3 server of the tests cannot be installed: its tests skip" >&2
fi
echo "$now" >"$stamp"
echo "$venv/bin"
