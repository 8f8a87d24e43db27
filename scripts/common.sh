# What the commands share; sourced, never run. It checks settings before any work and finds or makes a Python to work with.

SELF="$(realpath "$0")"
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
export PYTHONPATH="$ROOT:$ROOT/pandas-numpy-eval${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONWARNINGS="${PYTHONWARNINGS:-ignore::FutureWarning}"
export TOKENIZERS_PARALLELISM="${TOKENIZERS_PARALLELISM:-true}"

say() { printf '== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 2; }

# The comment block at the top of a command is its help.
help_if_asked() {
  case "${1:-}" in
    -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$SELF"; exit 0 ;;
  esac
}

# `--check` as the only argument: look at the settings, say so, and stop before any work.
check_only() { [ "${1:-}" != --check ] || { say "$(basename "$0"): settings are fine"; exit 0; }; }

no_arguments() { [ "$*" = --check ] || [ $# -eq 0 ] || die "unknown argument $1; settings are environment variables, see bash $0 --help"; }

# need_int NAME LOW HIGH: the setting NAME is a whole number in [LOW, HIGH].
need_int() {
  local value="${!1}"
  [[ "$value" =~ ^[0-9]{1,15}$ ]] && ((10#$value >= $2 && 10#$value <= $3)) ||
    die "$1=$value is not a whole number from $2 to $3; try $1=$2 or leave it unset"
}

# need_number NAME LOW HIGH: the setting NAME is a decimal number in [LOW, HIGH].
need_number() {
  local value="${!1}"
  [[ "$value" =~ ^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$ ]] &&
    awk -v x="$value" -v low="$2" -v high="$3" 'BEGIN { exit !(x + 0 >= low + 0 && x + 0 <= high + 0) }' ||
    die "$1=$value is not a number from $2 to $3; try $1=0.2 or leave it unset"
}

# need_numbers NAME LOW HIGH: the setting NAME is one such number, or several with commas between.
need_numbers() {
  local name="$1" number
  [[ "${!name}" =~ ^[^,]+(,[^,]+)*$ ]] || die "$1=${!name} is no list of numbers from $2 to $3; try $1=0.2 or $1=0.2,0.4"
  for number in ${!name//,/ }; do (declare "$name=$number" && need_number "$@") || exit 2; done
}

# need_one_of NAME CHOICE...: the setting NAME is one of the choices.
need_one_of() {
  local name="$1" value="${!1}" choice
  shift
  for choice; do [ "$value" = "$choice" ] && return; done
  die "$name=$value is not allowed; use one of: $*"
}

# need_domain: DOMAIN is known, or a library of the user's own that brings its sources.
need_domain() {
  local known="Pandas Numpy $*"
  [[ " $known " == *" $DOMAIN "* ]] && return
  [[ "$DOMAIN" =~ ^[A-Za-z][A-Za-z0-9_]*$ ]] && { [ -n "${SOURCES:-}" ] || [ -d "$DATA_DIR/$DOMAIN/data" ]; } && return
  die "DOMAIN=$DOMAIN is not one of: $known; for a library of your own set SOURCES to its folders or archives as well"
}

# need_disk MEBIBYTES FOLDER: at least so much is free where FOLDER lies or will lie.
need_disk() {
  local folder="$2" free
  while [ ! -d "$folder" ]; do folder="$(dirname "$folder")"; done
  free="$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')"
  [ "$free" -ge "$1" ] || die "$folder has $free MiB free, $1 MiB are needed; free some, or clone to a larger disk"
}

# need_model NAME: BASE_MODEL can be a folder, a name under models/, a hub id, or the default that is fetched.
need_model() {
  local folder
  for folder in "$1" "models/$1"; do
    [ -d "$folder" ] || continue
    if [ -f "$folder/config.json" ] && compgen -G "$folder/*.safetensors" > /dev/null; then return; fi
    die "BASE_MODEL=$1: $folder holds no config.json with *.safetensors weights; put them there or remove the folder"
  done
  [ "$1" = "$DEFAULT_BASE" ] || [[ "$1" =~ ^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+$ ]] ||
    die "BASE_MODEL=$1 is not there; give $DEFAULT_BASE (fetched), a folder with weights (or its name under models/), or a hub id OWNER/NAME"
}

find_python() {
  for PYTHON in "${CERT_PYTHON:-python3}" python3.11 python3.12 python3.13; do
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && return
  done
  return 1
}

# Files that were put into the downloads folder are what they should be; with no Python yet, later steps look again.
check_downloads() {
  if find_python; then "$PYTHON" -m scripts.fetch --verify > /dev/null || exit 2; fi
}

show_settings() {
  local name
  say "$(basename "$0"): settings"
  for name; do printf '   %s=%s\n' "$name" "${!name}"; done
}

# One run at a time in this checkout; steps that a killed run left behind are waited for.
take_lock() {
  [ -z "${CERT_LOCKED:-}" ] || return 0
  command -v flock > /dev/null || return 0
  exec 9> "$ROOT/.lock"
  flock -n 9 || { say "another run is at work in this checkout; waiting for it to end"; flock 9; }
  export CERT_LOCKED=1
}

# ensure_env REQUIREMENTS: set PYTHON to CERT_PYTHON or the active virtual environment, if it has the requirements, or to
# .venv, made here.
ensure_env() {
  local requirements="${1:-requirements.txt}" stamp wanted base_python
  if [ -n "${CERT_PYTHON:-}" ] || [ -n "${VIRTUAL_ENV:-}" ]; then
    PYTHON="${CERT_PYTHON:-${VIRTUAL_ENV:-}/bin/python}"
    command -v "$PYTHON" > /dev/null || die "no Python at $PYTHON; correct CERT_PYTHON, or unset it to get a .venv"
    "$PYTHON" - "$requirements" <<'CHECK' || die "$PYTHON lacks packages; run: $PYTHON -m pip install -r $requirements"
import importlib.metadata, pathlib, re, sys
missing = []
def check(path):
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            check(path.parent / line[3:].strip())
        elif name := re.match(r"[A-Za-z0-9_.-]+", line):
            try:
                importlib.metadata.version(name[0])
            except importlib.metadata.PackageNotFoundError:
                missing.append(name[0])
check(pathlib.Path(sys.argv[1]))
if missing:
    sys.exit("missing: " + ", ".join(missing))
CHECK
    return
  fi
  # .venv holds what the tests need as well, so that after one command the other works without a network.
  stamp=".venv/.installed"
  wanted="$(cat requirements.txt requirements-dev.txt | sha256sum)"
  if [ "$(cat "$stamp" 2> /dev/null)" = "$wanted" ]; then
    PYTHON="$ROOT/.venv/bin/python"
    return
  fi
  # An installation that was cut off may be broken in ways that pip does not see: it is made anew.
  if [ -e .venv/.installing ]; then rm -rf .venv; fi
  find_python || die "no Python 3.11 or newer on PATH; install one or set CERT_PYTHON"
  base_python="$PYTHON"
  PYTHON="$ROOT/.venv/bin/python"
  need_disk 6000 "$ROOT"
  say "making .venv with requirements.txt and requirements-dev.txt (minutes)"
  mkdir -p .venv && touch .venv/.installing
  "$base_python" -m venv .venv || die "$base_python cannot make a virtual environment; install its venv module or set CERT_PYTHON"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt || {
    rm .venv/.installing
    die "pip could not install the requirements (its message is above); connect to a package index or set PIP_FIND_LINKS to a folder of wheels, then run again"
  }
  printf '%s\n' "$wanted" > "$stamp"
  rm .venv/.installing
}

DEFAULT_BASE=smollm2-135m
DATA_DIR="${DATA_DIR:-data}"
RESULTS_DIR="${RESULTS_DIR:-results}"

ensure_base() {
  if [ "$BASE_MODEL" = "$DEFAULT_BASE" ] && [ ! -f "models/$DEFAULT_BASE/config.json" ]; then
    say "fetching the base model $BASE_MODEL"
    "$PYTHON" -m scripts.fetch_model
  fi
}

# The folder of a trained model, and the folder of a model version's samples.
trained_model() { printf '%s/%s/experiments/%s_models/%s/model' "$DATA_DIR" "$DOMAIN" "$1" "$RUN_NAME"; }
