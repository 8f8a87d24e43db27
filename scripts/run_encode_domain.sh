#!/usr/bin/env bash
# Encode the corpus of a domain for training (scripts/encode_domain.py).
#
#   DOMAIN=Numpy TYPE=generator bash scripts/run_encode_domain.sh
#   DOMAIN=Mylib INPUT=~/corpus OUTPUT=shards TYPE=sketcher bash scripts/run_encode_domain.sh
#
# With --check it looks at the settings and stops.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
settings "$@"
ensure_env
ensure_base

for type in "${TYPES[@]}"; do
  say "encoding for the $type"
  "$PYTHON" -m scripts.encode_domain "$PRESET_FILE" -d "$DOMAIN" -type "$type" -model "$BASE_MODEL" \
    -i "$CORPUS" -o "${SHARDS[$type]}" "${ENCODING_FLAGS[@]}"
done
