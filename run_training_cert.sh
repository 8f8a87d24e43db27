#!/usr/bin/env bash
# Train the sketcher and the generator for one library, from corpus to models; what exists already is kept.
#
#   bash run_training_cert.sh                        # Pandas, quick preset: LoRA on two CPU cores, minutes
#   DOMAIN=Numpy bash run_training_cert.sh
#   PRESET=paper NPROC=8 bash run_training_cert.sh   # all weights, 100K steps, GPUs
#   DOMAIN=Mylib SOURCES=~/code/mylib,~/code/apps bash run_training_cert.sh   # a library of your own
#   bash run_training_cert.sh --gradient_checkpointing true     # further flags go to run_cert.py
#
# With --check it looks at the settings and stops. Settings (environment variables):
#   DOMAIN         Pandas, Numpy, or the import name of your library, capitalised (needs SOURCES)      [Pandas]
#   TYPE           cert (sketcher and generator), sketcher, generator, or normal (plain code, CERT-N)  [cert]
#   BASE_MODEL     folder, name under models/, or hub id                                               [smollm2-135m]
#   PRESET         quick (LoRA, minutes) or paper (paper's hyper-parameters, full parameters)          [quick]
#   SOURCES        comma list of source names, folders or archives; empty: the domain's own list       []
#   STEPS BLOCK_SIZE BATCH ACCUMULATION LR LORA_R RESAMPLING_WEIGHTS PRECISION KINDS   override the preset's values
#   GROWTH         batch growth TOKENS_STEPS, such as 512K_150K: to so many tokens over so many steps  []
#   NPROC          processes of torchrun, one a GPU                                                    [1]
#   ACCELERATE     launch NPROC processes with this file instead, e.g. configs/accelerate/fsdp.yaml    []
#   SEED           random seed                                                                         [42]
#   RUN_NAME       name of the trained models                                                          [<base>_<preset>]
#   DATA_DIR       where corpora, encodings and models go                                              [data]
#   CERT_PYTHON    a Python with requirements.txt installed; else the active environment, else .venv
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
help_if_asked "$@"

DOMAIN="${DOMAIN:-Pandas}"
TYPE="${TYPE:-cert}"
BASE_MODEL="${BASE_MODEL:-$DEFAULT_BASE}"
PRESET="${PRESET:-quick}"
SOURCES="${SOURCES:-}"
GROWTH="${GROWTH:-}"
NPROC="${NPROC:-1}"
ACCELERATE="${ACCELERATE:-}"
SEED="${SEED:-42}"

need_one_of PRESET quick paper
if [ "$PRESET" = quick ]; then
  BLOCK_SIZE="${BLOCK_SIZE:-256}" BATCH="${BATCH:-4}" ACCUMULATION="${ACCUMULATION:-2}" STEPS="${STEPS:-15}" LR="${LR:-1e-4}" LORA_R="${LORA_R:-16}"
  RESAMPLING_WEIGHTS="${RESAMPLING_WEIGHTS:-1.0_0.5_1.0}" PRECISION="${PRECISION:-fp32}" KINDS="${KINDS:-mined}"
  schedule=(--warmup_steps 2 --weight_decay 0.0 --save_steps 5 --logging_steps 5 --max_eval_tokens 4096)
  corpus=()
else
  BLOCK_SIZE="${BLOCK_SIZE:-1024}" BATCH="${BATCH:-8}" ACCUMULATION="${ACCUMULATION:-1}" STEPS="${STEPS:-100000}" LR="${LR:-5e-4}" LORA_R="${LORA_R:-0}"
  RESAMPLING_WEIGHTS="${RESAMPLING_WEIGHTS:-1.0_0.5_1.0}" PRECISION="${PRECISION:-fp16}" KINDS="${KINDS:-code,mined}"
  schedule=(--warmup_steps 1000 --weight_decay 0.1 --save_steps 1000 --logging_steps 10 --max_eval_tokens 1000000)
  corpus=(--near_copies 0.85 --split_by repository)
fi
RUN_NAME="${RUN_NAME:-$(basename "$BASE_MODEL")_$PRESET}"

need_domain
need_one_of TYPE cert sketcher generator normal
need_one_of PRECISION fp32 fp16 bf16
need_int STEPS 1 100000000
need_int BLOCK_SIZE 8 1000000
need_int BATCH 1 65536
need_int ACCUMULATION 1 65536
need_int LORA_R 0 4096
need_int NPROC 1 1024
need_int SEED 0 4294967295
need_number LR 0 1
[[ "$RESAMPLING_WEIGHTS" =~ ^[0-9.]+_[0-9.]+_[0-9.]+$ ]] ||
  die "RESAMPLING_WEIGHTS=$RESAMPLING_WEIGHTS is not of the form a_b_c, such as 1.0_0.5_1.0"
[[ -z "$GROWTH" || "$GROWTH" =~ ^[0-9]+[KM]?_[0-9]+[KM]?$ ]] || die "GROWTH=$GROWTH is not of the form TOKENS_STEPS, such as 512K_150K"
[ -z "$ACCELERATE" ] || [ -f "$ACCELERATE" ] || die "ACCELERATE=$ACCELERATE is no file; choose one of $(echo configs/accelerate/*.yaml)"
[ "$PRECISION" = fp32 ] || nvidia-smi -L > /dev/null 2>&1 || die "PRECISION=$PRECISION needs a GPU, none is here; use PRECISION=fp32"
need_model "$BASE_MODEL"
need_disk 2000 "$DATA_DIR"
check_downloads
check_only "$@"
take_lock
show_settings DOMAIN TYPE BASE_MODEL PRESET SOURCES KINDS STEPS BLOCK_SIZE BATCH ACCUMULATION LR LORA_R RESAMPLING_WEIGHTS PRECISION GROWTH NPROC ACCELERATE SEED RUN_NAME DATA_DIR

types="$TYPE"
[ "$TYPE" != cert ] || types="sketcher generator"
ensure_env
ensure_base

say "corpus of $DOMAIN"
"$PYTHON" -m scripts.prepare_corpus -d "$DOMAIN" --kinds "$KINDS" --seed "$SEED" -o "$DATA_DIR/$DOMAIN/data" \
  ${SOURCES:+--sources "$SOURCES"} ${corpus[@]+"${corpus[@]}"}

launch=("$PYTHON")
[ "$NPROC" = 1 ] || launch=("$PYTHON" -m torch.distributed.run --standalone --nproc_per_node "$NPROC")
[ -z "$ACCELERATE" ] || launch=("$PYTHON" -m accelerate.commands.launch --config_file "$ACCELERATE" --num_processes "$NPROC")
for type in $types; do
  say "encoding for the $type"
  DOMAIN="$DOMAIN" TYPE="$type" BASE_MODEL="$BASE_MODEL" SEED="$SEED" CERT_PYTHON="$PYTHON" DATA_DIR="$DATA_DIR" \
    bash scripts/run_encode_domain.sh
  say "training the $type"
  run_dir="$(dirname "$(trained_model "$type")")"
  precision=()
  [ "$PRECISION" = fp32 ] || precision=("--$PRECISION" true)
  "${launch[@]}" run_cert.py --model_name_or_path "$BASE_MODEL" --lora_r "$LORA_R" \
    --train_file "$DATA_DIR/$DOMAIN/${type}_bin/train" --validation_file "$DATA_DIR/$DOMAIN/${type}_bin/valid" \
    --output_dir "$run_dir" --block_size "$BLOCK_SIZE" --resampling_weights "$RESAMPLING_WEIGHTS" \
    --per_device_train_batch_size "$BATCH" --gradient_accumulation_steps "$ACCUMULATION" --max_steps "$STEPS" --learning_rate "$LR" --lr_scheduler_type cosine \
    --adam_beta2 0.95 --seed "$SEED" --save_total_limit 2 --report_to tensorboard \
    ${GROWTH:+--gradient_accumulation_strategy "$GROWTH"} "${schedule[@]}" ${precision[@]+"${precision[@]}"} "$@"
done
