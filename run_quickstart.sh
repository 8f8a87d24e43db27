#!/usr/bin/env bash
# From a fresh clone to measured numbers: environment, base model, corpora, training, sampling, evaluation, one table.
#
#   bash run_quickstart.sh                              # Pandas; two CPU cores: 15 to 30 minutes with AMX, 40 to 60 without
#   DOMAINS="Pandas Numpy" bash run_quickstart.sh       # one after the other
#
# With --check it looks at the settings and stops. The settings of the three commands that it runs hold as well, see their
# --help, all but DOMAIN, MODEL_VERSION and TYPE. Killed at any moment and started again, it resumes and ends with the same table.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
settings "$@"
ensure_env

places=("models/$(basename "${BASE_MODEL:-smollm2-135m}")")
for DOMAIN in $DOMAINS; do
  export DOMAIN
  places+=("${DATA_DIR:-data}/$DOMAIN")
  bash run_training_cert.sh
  versions=(base cert)
  [[ " ${SHIPPED[*]} " != *" $DOMAIN "* ]] || versions=(base shipped cert)
  for MODEL_VERSION in "${versions[@]}"; do
    MODEL_VERSION="$MODEL_VERSION" PRESET="${PRESET:-quick}" bash run_generating_codes.sh
  done
  bash run_evaluating_codes.sh
done
"$PYTHON" -m scripts.report "$RESULTS_DIR" --files "${places[@]}" "$RESULTS_DIR"
