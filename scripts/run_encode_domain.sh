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
#   SEED=42                     of that choice
#   DEBUG=                      1: only the first 100 files of each shard
#   CERT_PYTHON=python3         the Python to use
#
#   DOMAIN=Numpy TYPE=generator bash scripts/run_encode_domain.sh
set -euo pipefail

case "${1:-}" in
  -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; exit 0 ;;
  ?*) echo "error: unknown argument $1; settings are environment variables, see bash $0 --help" >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PYTHON="${CERT_PYTHON:-python3}"
DOMAIN="${DOMAIN:-Pandas}"
TYPE="${TYPE:-all}"
BASE_MODEL="${BASE_MODEL:-smollm2-135m}"
INPUT="${INPUT:-${DATA_DIR:-data}/$DOMAIN/data}"
OUTPUT="${OUTPUT:-}"
THREADS="${THREADS:-}"
SPLIT="${SPLIT:-all}"
CONTINUATION_RATIO="${CONTINUATION_RATIO:-0.5}"
SEED="${SEED:-42}"
DEBUG="${DEBUG:-}"

if [ "$TYPE" = all ]; then
  [ -z "$OUTPUT" ] || { echo "error: OUTPUT=$OUTPUT with TYPE=all; set TYPE to one type, or leave OUTPUT unset" >&2; exit 2; }
  types=(sketcher generator)
else
  types=("$TYPE")
fi
for name in DOMAIN TYPE BASE_MODEL INPUT OUTPUT THREADS SPLIT CONTINUATION_RATIO SEED DEBUG PYTHON; do
  printf '   %s=%s\n' "$name" "${!name}"
done
for type in "${types[@]}"; do
  "$PYTHON" -m scripts.encode_domain -d "$DOMAIN" -type "$type" -model "$BASE_MODEL" -i "$INPUT" \
    -o "${OUTPUT:-${DATA_DIR:-data}/$DOMAIN/${type}_bin}" -split "$SPLIT" \
    --continuation_ratio "$CONTINUATION_RATIO" --seed "$SEED" ${THREADS:+-t "$THREADS"} ${DEBUG:+-isdebug}
done
