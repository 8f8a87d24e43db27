#!/usr/bin/env bash
# Sample completions of benchmark problems, from CERT's two stages or from one model; what exists already is kept.
#
#   bash run_generating_codes.sh                                  # CERT on our Pandas problems
#   MODEL_VERSION=base DOMAIN=Numpy bash run_generating_codes.sh  # the base model, for comparison
#   MODEL_VERSION=path/to/model PROBLEMS=my.jsonl bash run_generating_codes.sh
#
# With --check it looks at the settings and stops. Settings (environment variables):
#   DOMAIN         whose models: Pandas, Numpy or your own domain                              [Pandas]
#   PROBLEMS       Pandas, Numpy, PandasDev, NumpyDev, HumanEval, PandasEval, NumpyEval, or a file                                  [$DOMAIN]
#   MODEL_VERSION  cert (two stages), base, normal, or the folder of any model                 [cert]
#   BASE_MODEL     folder, name under models/, or hub id                                       [smollm2-135m]
#   PRESET         quick: 10 samples, first 20 problems; paper: 200 samples, all problems      [quick]
#   NUM_SAMPLES    samples per problem                                                         [preset]
#   LIMIT          only the first so many problems; 0 for all                                  [preset]
#   TEMP TEMP2     temperature of the sketcher (or single model) and of the generator; 0 is greedy;
#                  several with commas between are done in one run, a file each                 [0.2 0.2]
#   TOP_P          nucleus mass                                                                [0.95]
#   MAX_TOKENS     new tokens at most                                                          [100]
#   SKETCH_STRATEGY   popular (the paper's), each, or top-2, top-3, ...                        [popular]
#   TRUNCATE       first_block (the paper's); syntax makes a second file, cut to what parses    [first_block]
#   SEED           random seed                                                                 [42]
#   PROCESSES      processes or GPUs on this machine that share the work                       [1]
#   RUN_NAME       name of the trained models                                                  [<base>_<preset>]
#   DEVICE         cpu, cuda, cuda:1, ...                                                      [cuda if there is one]
#   DATA_DIR RESULTS_DIR   where models are and samples go                                     [data results]
#   CERT_PYTHON    a Python with requirements.txt installed; else the active environment, else .venv
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
help_if_asked "$@"
no_arguments "$@"

DOMAIN="${DOMAIN:-Pandas}"
PROBLEMS="${PROBLEMS:-$DOMAIN}"
MODEL_VERSION="${MODEL_VERSION:-cert}"
BASE_MODEL="${BASE_MODEL:-$DEFAULT_BASE}"
PRESET="${PRESET:-quick}"
need_one_of PRESET quick paper
if [ "$PRESET" = quick ]; then
  NUM_SAMPLES="${NUM_SAMPLES:-10}" LIMIT="${LIMIT:-20}"
else
  NUM_SAMPLES="${NUM_SAMPLES:-200}" LIMIT="${LIMIT:-0}"
fi
TEMP="${TEMP:-0.2}"
TEMP2="${TEMP2:-0.2}"
TOP_P="${TOP_P:-0.95}"
MAX_TOKENS="${MAX_TOKENS:-100}"
SKETCH_STRATEGY="${SKETCH_STRATEGY:-popular}"
TRUNCATE="${TRUNCATE:-first_block}"
SEED="${SEED:-42}"
PROCESSES="${PROCESSES:-1}"
RUN_NAME="${RUN_NAME:-$(basename "$BASE_MODEL")_$PRESET}"
DEVICE="${DEVICE:-$(nvidia-smi -L > /dev/null 2>&1 && echo cuda || echo cpu)}"

need_domain HumanEval
need_int NUM_SAMPLES 1 100000
need_int LIMIT 0 100000
need_int MAX_TOKENS 1 4096
need_int SEED 0 4294967295
need_int PROCESSES 1 1024
need_numbers TEMP 0 2
need_numbers TEMP2 0 2
need_one_of TRUNCATE first_block syntax
[[ "$SKETCH_STRATEGY" =~ ^(popular|each|top-[1-9][0-9]{0,3})$ ]] ||
  die "SKETCH_STRATEGY=$SKETCH_STRATEGY is not allowed; use one of: popular each top-2 top-3 ..."
need_number TOP_P 0.000001 1
[ -f "$PROBLEMS" ] || need_one_of PROBLEMS Pandas Numpy PandasDev NumpyDev HumanEval PandasEval NumpyEval "(or an existing .jsonl file)"
[[ "$MODEL_VERSION" =~ ^(cert|base|normal)$ ]] || [ -d "$MODEL_VERSION" ] ||
  die "MODEL_VERSION=$MODEL_VERSION is not allowed; use one of: cert base normal, or the folder of a model"
need_model "$BASE_MODEL"
need_disk 500 "$RESULTS_DIR"
check_only "$@"
take_lock
show_settings DOMAIN PROBLEMS MODEL_VERSION BASE_MODEL PRESET NUM_SAMPLES LIMIT TEMP TEMP2 TOP_P MAX_TOKENS SKETCH_STRATEGY TRUNCATE SEED PROCESSES RUN_NAME DEVICE DATA_DIR RESULTS_DIR

# The trained models that a version needs; all missing ones are made first.
train_if_missing() {
  local type
  for type; do
    [ -d "$(trained_model "$type")" ] && continue
    say "no $type yet at $(trained_model "$type"); training it first"
    env -u TYPE DOMAIN="$DOMAIN" BASE_MODEL="$BASE_MODEL" PRESET="$PRESET" RUN_NAME="$RUN_NAME" TYPE="$type" \
      DATA_DIR="$DATA_DIR" bash run_training_cert.sh
  done
}

ensure_env
ensure_base
case "$MODEL_VERSION" in
  base) name="$(basename "$BASE_MODEL")" models=(-model "$BASE_MODEL") ;;
  normal) name="${RUN_NAME}_normal" models=(-model "$(trained_model normal)") && train_if_missing normal ;;
  cert)
    name="${RUN_NAME}_cert" models=(-sketcher "$(trained_model sketcher)" -generator "$(trained_model generator)" -t2 "$TEMP2")
    train_if_missing sketcher generator
    ;;
  *) name="$(basename "$MODEL_VERSION")" models=(-model "$MODEL_VERSION") ;;
esac
program=eval_cert.py stem="n${NUM_SAMPLES}_t{t}"
if [ "$MODEL_VERSION" = cert ]; then
  program=eval_cert_unified.py stem="${stem}_t2{t2}"
  models+=(--sketch_strategy "$SKETCH_STRATEGY")
  [ "$SKETCH_STRATEGY" = popular ] || stem="${stem}_$SKETCH_STRATEGY"
fi
stem="${stem}_p${TOP_P}_l${MAX_TOKENS}_s${SEED}"
limit=()
[ "$LIMIT" = 0 ] || limit=(--limit "$LIMIT") stem="${stem}_first${LIMIT}"
launch=("$PYTHON")
[ "$PROCESSES" = 1 ] || launch=("$PYTHON" -m torch.distributed.run --standalone --nproc_per_node "$PROCESSES")

folder="$RESULTS_DIR/$(basename "${PROBLEMS%%.json*}")/$name"
say "sampling with $name"
"${launch[@]}" "$program" "${models[@]}" -d "$PROBLEMS" -n "$NUM_SAMPLES" -t "$TEMP" -p "$TOP_P" -l "$MAX_TOKENS" \
  --truncate "$TRUNCATE" --seed "$SEED" --device "$DEVICE" ${limit[@]+"${limit[@]}"} -o "$folder/$stem.samples.jsonl"
