#!/usr/bin/env bash
# A library that no model has seen: corpus, three models, samples of 40 problems, tables of pass@1 and paired differences.
#
#   bash examples/private_library/run.sh             # killed and started again, it resumes
#   STEPS=30 RUN_NAME=short bash examples/private_library/run.sh
#
# The settings of the three commands in the root work here too, except DOMAIN, TYPE, SOURCES, MODEL_VERSION, LIBS, CERT_LIBS and
# pip's, which it sets itself. With --check it looks at the settings and stops.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
HERE=examples/private_library
for name in DOMAIN TYPE SOURCES MODEL_VERSION LIBS CERT_LIBS; do
  [ -z "${!name:-}" ] || die "$name=${!name} is set by this command; unset it (env -u $name ...)"
done
FILES="${FILES:-3000}"                                # programs in the corpus; 3000 are about 497K tokens
BENCHMARK="${PROBLEMS:-$HERE/problems/Dorvex.jsonl}"  # DorvexDev.jsonl: 20 problems to choose settings with
export DOMAIN=Dorvex LIMIT="${LIMIT:-0}"              # LIMIT=0: all problems
export PRESET="${PRESET:-$HERE/preset.yaml}"          # corpus, encoding, training
export PROTOCOL="${PROTOCOL:-$HERE/protocol.yaml}"    # sampling
export DATA_DIR="${DATA_DIR:-data}" RESULTS_DIR="${RESULTS_DIR:-results}"
WORK="$(realpath -m "$DATA_DIR/$DOMAIN")"
unset PROBLEMS
if [ "${1:-}" = --help ]; then sed -n '2,8s/^# \{0,1\}//p' "$HERE/run.sh"; exit; fi
[ $# = 0 ] || [ "$*" = --check ] || die "unknown argument $1; settings are environment variables, see the top of $HERE/run.sh"
# What the later steps would refuse is refused before hours of training.
export CERT_LOCKED="${CERT_LOCKED-}"
SOURCES=$HERE/library bash run_training_cert.sh --check
for command in run_generating_codes.sh run_evaluating_codes.sh; do
  SOURCES=$HERE/library MODEL_VERSION=base PROBLEMS="$BENCHMARK" bash "$command" --check
done
if [ "${1:-}" = --check ]; then exit; fi
take_lock
ensure_env

"$PYTHON" -m examples.private_library.make_corpus -o "$WORK/programs" --files "$FILES"
for type in sketcher generator normal; do
  case $type in
    generator) steps="${STEPS:-140}" ;;  # filling in is learned sooner than which call a sentence asks for
    normal) steps="${STEPS:-420}" ;;     # the steps of both stages of CERT
    *) steps="${STEPS:-}" ;;
  esac
  TYPE=$type STEPS=$steps SOURCES="$HERE/library,$WORK/programs" bash run_training_cert.sh
done

# The sandbox sees installed packages alone: a wheel of the library goes into the environment that LIBS makes.
rm -rf "$WORK/build" && cp -r "$HERE/library" "$WORK/build"
"$PYTHON" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$WORK/wheels" "$WORK/build"
# An environment is kept by name and version; a library that changed under one version gets another folder.
CONTENT="$(cd "$HERE/library" && find . -name '*.py' -o -name pyproject.toml | LC_ALL=C sort | xargs sha256sum | sha256sum)"
# As an address, since pip cuts folders at their blanks.
PIP_FIND_LINKS="$("$PYTHON" -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' "$WORK/wheels")"
export PROBLEMS="$BENCHMARK" LIBS=dorvex==1.0.0 PIP_FIND_LINKS PIP_NO_INDEX=1
export CERT_LIBS="$WORK/libs/${CONTENT:0:16}"
for model in base normal cert; do
  MODEL_VERSION=$model bash run_generating_codes.sh
done
bash run_evaluating_codes.sh
