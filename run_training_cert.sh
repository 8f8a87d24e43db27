#!/usr/bin/env bash
# Train the sketcher and the generator for one library, from sources to models. What exists already is kept.
#
#   bash run_training_cert.sh                        # Pandas, quick preset: LoRA on two CPU cores, minutes
#   DOMAIN=Numpy bash run_training_cert.sh
#   PRESET=paper NPROC=8 bash run_training_cert.sh   # all weights, 100K steps, GPUs
#   DOMAIN=Mylib KINDS=code,mined SOURCES=~/code/mylib,~/code/apps bash run_training_cert.sh   # a library of your own
#   bash run_training_cert.sh --weight_decay 0.05    # further flags go to run_cert.py
#
# With --check it looks at the settings and stops. Settings that are left unset have the values of the preset's file,
# configs/training/quick.yaml by default.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
settings "$@"
ensure_env
ensure_base
keep_memory

say "corpus of $DOMAIN"
"$PYTHON" -m scripts.prepare_corpus "$PRESET_FILE" -d "$DOMAIN" -o "$CORPUS" "${CORPUS_FLAGS[@]}"

for type in "${TYPES[@]}"; do
  say "encoding for the $type"
  "$PYTHON" -m scripts.encode_domain "$PRESET_FILE" -d "$DOMAIN" -type "$type" -model "$BASE_MODEL" \
    -i "$CORPUS" -o "${SHARDS[$type]}" "${ENCODING_FLAGS[@]}"

  say "training the $type"
  valid=(--validation_file "${SHARDS[$type]}/valid")
  # An index without documents, where nothing was held out, has 26 bytes.
  [ -n "$(find -L "${SHARDS[$type]}" -maxdepth 1 -name 'valid*.idx' ! -size 26c 2> /dev/null)" ] || valid=(--eval_strategy no)
  "$PYTHON" "${LAUNCH[@]}" run_cert.py "$PRESET_FILE" --model_name_or_path "$BASE_MODEL" \
    --train_file "${SHARDS[$type]}/train" "${valid[@]}" --output_dir "${RUNS[$type]}" "${TRAINING_FLAGS[@]}"
done
