#!/usr/bin/env bash
# Execute sampled completions in the sandbox and print pass@k; what is up to date is kept.
#
#   bash run_evaluating_codes.sh                                   # every sample file of the Pandas problems
#   SAMPLES=results/Pandas/x/y.samples.jsonl bash run_evaluating_codes.sh
#
# With --check it looks at the settings and stops. Settings (environment variables):
#   DOMAIN       Pandas, Numpy, HumanEval or your own domain                            [Pandas]
#   PROBLEMS     Pandas, Numpy, HumanEval, PandasEval, NumpyEval or a problem file      [$DOMAIN]
#   SAMPLES      one sample file; empty: all under RESULTS_DIR/<problems>/              []
#   K            comma list of k                                                        [1,10,100]
#   TIMEOUT      seconds of CPU time per sample                                         [3]
#   WORKERS      sandboxes at a time                                                    [number of cores]
#   EVAL_PYTHON  Python with the library versions to test under                         [the one in use]
#   LIBS         versions to test under, as pandas==1.5.3,numpy==1.23.5: installed once []
#   UNSAFE       1 runs model-written code without a sandbox where none can be made     [0]
#   RESULTS_DIR  where samples are                                                      [results]
#   CERT_PYTHON  a Python with requirements.txt installed; else the active environment, else .venv
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
help_if_asked "$@"
no_arguments "$@"

DOMAIN="${DOMAIN:-Pandas}"
PROBLEMS="${PROBLEMS:-$DOMAIN}"
SAMPLES="${SAMPLES:-}"
K="${K:-1,10,100}"
TIMEOUT="${TIMEOUT:-3}"
WORKERS="${WORKERS:-$(nproc)}"
EVAL_PYTHON="${EVAL_PYTHON:-}"
LIBS="${LIBS:-}"
UNSAFE="${UNSAFE:-0}"

need_domain HumanEval
[ -f "$PROBLEMS" ] || need_one_of PROBLEMS Pandas Numpy PandasDev NumpyDev HumanEval PandasEval NumpyEval "(or an existing .jsonl file)"
[[ "$K" =~ ^[1-9][0-9]*(,[1-9][0-9]*)*$ ]] || die "K=$K is not a comma list of numbers from 1 on; try K=1,10,100"
need_number TIMEOUT 0.1 3600
need_int WORKERS 1 1024
need_one_of UNSAFE 0 1
[ -z "$SAMPLES" ] || [ -f "$SAMPLES" ] || die "SAMPLES=$SAMPLES is no file; give a .samples.jsonl, or leave it unset for all"
need_disk 500 "$RESULTS_DIR"
check_only "$@"
take_lock
show_settings DOMAIN PROBLEMS SAMPLES K TIMEOUT WORKERS EVAL_PYTHON LIBS UNSAFE RESULTS_DIR
ensure_env

files=("$SAMPLES")
if [ -z "$SAMPLES" ]; then
  shopt -s nullglob
  folder="$RESULTS_DIR/$(basename "${PROBLEMS%%.json*}")"
  files=("$folder"/*/*.samples.jsonl)
  if [ ${#files[@]} -eq 0 ]; then
    say "no samples yet under $folder; generating them first"
    DOMAIN="$DOMAIN" PROBLEMS="$PROBLEMS" RESULTS_DIR="$RESULTS_DIR" bash run_generating_codes.sh
    files=("$folder"/*/*.samples.jsonl)
  fi
fi
options=(--problem_file "$PROBLEMS" --k "$K" --timeout "$TIMEOUT" --n_workers "$WORKERS")
[ -z "$EVAL_PYTHON" ] || options+=(--python "$EVAL_PYTHON")
[ -z "$LIBS" ] || options+=(--libs "$LIBS")
[ "$UNSAFE" = 0 ] || options+=(--unsafe)
for file in "${files[@]}"; do
  say "evaluating $file"
  # A limited run has samples of the first problems only: its name and its meta file say so.
  limit=()
  [[ "$file" =~ _first([0-9]+)(_syntax)?\.samples\.jsonl$ ]] && limit=(--limit "${BASH_REMATCH[1]}")
  "$PYTHON" -m pandas_numpy_eval.evaluate_functional_correctness "$file" "${options[@]}" ${limit[@]+"${limit[@]}"}
done
