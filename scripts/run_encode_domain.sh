#!/usr/bin/env bash
# Encode the corpus of a domain for training (scripts/encode_domain.py). Settings are environment variables:
#
#   DOMAIN=Pandas               name of the domain, any; decides the default folders
#   TYPE=all                    normal, sketcher, generator, or all for sketcher and generator
#   BASE_MODEL=smollm2-135m     the tokenizer: folder, name under models/, or hub id
#   INPUT=data/$DOMAIN/data     corpus with train/ and valid/
#   OUTPUT=data/$DOMAIN/<type>_bin   folder to write; may be set for a single TYPE only
#   THREADS=                    worker processes, all cores by default
#   SPLIT=all                   train, valid or all
#   CONTINUATION_RATIO=0.5      share of the files encoded as prompt and completion as well
#   OPERATION=constants         what sketches replace: constants, names, or both
#   SEED=42                     of that choice
#   DEBUG=                      1: only the first 100 files of each shard
#   CERT_PYTHON=python3         the Python to use
#
#   DOMAIN=Numpy TYPE=generator bash scripts/run_encode_domain.sh
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
help_if_asked "$@"
[ $# -eq 0 ] || die "unknown argument $1; settings are environment variables, see bash $0 --help"

PYTHON="${CERT_PYTHON:-python3}"
DOMAIN="${DOMAIN:-Pandas}"
TYPE="${TYPE:-all}"
BASE_MODEL="${BASE_MODEL:-smollm2-135m}"
INPUT="${INPUT:-$DATA_DIR/$DOMAIN/data}"
OUTPUT="${OUTPUT:-}"
THREADS="${THREADS:-}"
SPLIT="${SPLIT:-all}"
CONTINUATION_RATIO="${CONTINUATION_RATIO:-0.5}"
OPERATION="${OPERATION:-constants}"
SEED="${SEED:-42}"
DEBUG="${DEBUG:-}"

need_one_of TYPE normal sketcher generator all
need_one_of SPLIT train valid all
need_one_of OPERATION constants names both
if [ "$TYPE" = all ]; then
  [ -z "$OUTPUT" ] || die "OUTPUT=$OUTPUT with TYPE=all; set TYPE to one type, or leave OUTPUT unset"
  types=(sketcher generator)
else
  types=("$TYPE")
fi
show_settings DOMAIN TYPE BASE_MODEL INPUT OUTPUT THREADS SPLIT CONTINUATION_RATIO OPERATION SEED DEBUG PYTHON
for type in "${types[@]}"; do
  "$PYTHON" -m scripts.encode_domain -d "$DOMAIN" -type "$type" -model "$BASE_MODEL" -i "$INPUT" \
    -o "${OUTPUT:-$DATA_DIR/$DOMAIN/${type}_bin}" -split "$SPLIT" \
    --continuation_ratio "$CONTINUATION_RATIO" --operation "$OPERATION" --seed "$SEED" \
    ${THREADS:+-t "$THREADS"} ${DEBUG:+-isdebug}
done
