#!/usr/bin/env bash
# From a fresh clone to honest numbers: environment, base model, corpora, training, sampling, evaluation, one table.
#
#   bash run_quickstart.sh                      # about half an hour on two CPU cores
#   DOMAINS=Pandas bash run_quickstart.sh
#
# Settings (environment variables), beside those of the three commands that it runs, see their --help:
#   DOMAINS      the libraries, by turns         [Pandas Numpy]
# Killed at any moment and started again, it goes on where it was and ends with the same table.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
help_if_asked "$@"
no_arguments "$@"

DOMAINS="${DOMAINS:-Pandas Numpy}"
unset MODEL_VERSION
for DOMAIN in $DOMAINS; do
  export DOMAIN
  for command in run_training_cert.sh run_generating_codes.sh run_evaluating_codes.sh; do bash "$command" --check; done
done
need_disk 3000 "$ROOT"
check_only "$@"
take_lock
ensure_env

for DOMAIN in $DOMAINS; do
  export DOMAIN
  bash run_training_cert.sh
  MODEL_VERSION=base bash run_generating_codes.sh
  MODEL_VERSION=cert bash run_generating_codes.sh
  bash run_evaluating_codes.sh
done
folders=("models/$(basename "${BASE_MODEL:-$DEFAULT_BASE}")")
for DOMAIN in $DOMAINS; do folders+=("$DATA_DIR/$DOMAIN"); done
"$PYTHON" -m scripts.report "$RESULTS_DIR" --files "${folders[@]}" "$RESULTS_DIR"
