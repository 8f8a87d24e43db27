#!/usr/bin/env bash
# Sample completions of benchmark problems, from CERT's two stages or from one model. What exists already is kept.
#
#   bash run_generating_codes.sh                                  # CERT on our Pandas problems
#   MODEL_VERSION=base DOMAIN=Numpy bash run_generating_codes.sh  # the base model, for comparison
#   MODEL_VERSION=path/to/model PROBLEMS=my.jsonl bash run_generating_codes.sh
#   MODEL_VERSION=openai:NAME BASE_URL=http://localhost:8000/v1 bash run_generating_codes.sh   # a model behind a server
#   PROTOCOL=paper bash run_generating_codes.sh                   # 200 samples at ten temperatures
#
# With --check it looks at the settings and stops. Settings of sampling that are left unset have the values of the protocol's
# file, configs/generating/quick.yaml by default. PRESET says only which trained models are meant. Missing models of
# PRESET=quick are trained first.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
settings "$@"
ensure_env
[ -z "$NEEDS_BASE" ] || ensure_base
keep_memory

for type in "${MISSING[@]}"; do
  say "no $type yet at ${RUNS[$type]}/model; training it first"
  TYPE="$type" bash run_training_cert.sh
done

say "sampling"
"$PYTHON" "${LAUNCH[@]}" "$PROGRAM" "$PROTOCOL_FILE" "${MODELS[@]}" -d "$PROBLEMS" --results_dir "$RESULTS_DIR" "${SAMPLING_FLAGS[@]}"
