#!/usr/bin/env bash
# Execute sampled completions in the sandbox and print pass@k of every run. What is up to date is kept. A sample file that
# cannot be evaluated is passed over and named at the end, with exit status 1.
#
#   bash run_evaluating_codes.sh                                   # every sample file of the Pandas problems
#   SAMPLES=results/Pandas/x/y.samples.jsonl bash run_evaluating_codes.sh
#   DOMAIN=Numpy LIBS=pandas==1.5.3,numpy==1.23.5 bash run_evaluating_codes.sh   # with Python 3.11
#
# With --check it looks at the settings and stops. Where there are no samples yet, they are generated first.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
settings "$@"
ensure_env

shopt -s extglob nullglob
files=("$SAMPLES")
if [ -z "$SAMPLES" ]; then
  compgen -G "$SCORES/*/*.samples.jsonl?(.gz)" > /dev/null || {
    say "no samples yet under $SCORES; generating them first"
    bash run_generating_codes.sh
  }
  files=("$SCORES"/*/*.samples.jsonl?(.gz))
fi

failed=()
for file in "${files[@]}"; do
  [ -n "$SAMPLES" ] || [[ $file != *.gz ]] || [ ! -e "${file%.gz}" ] || continue # the same samples, zipped
  say "evaluating $file"
  "$PYTHON" -m pandas_numpy_eval.evaluate_functional_correctness "$file" --problem_file "$PROBLEMS" "${EVALUATION_FLAGS[@]}" || {
    [ $? -ne 130 ] || exit 130 # Ctrl-C
    failed+=("$file")
  }
done
report=0
[ -z "$SCORES" ] || "$PYTHON" -m scripts.report "$SCORES" || report=$?
for file in "${failed[@]}"; do printf 'error: %s was not evaluated, see above\n' "$file" >&2; done
[ ${#failed[@]} -eq 0 ] || exit 1
exit "$report"
