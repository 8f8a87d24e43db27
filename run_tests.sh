#!/usr/bin/env bash
# Run the tests: environment (made if missing), style, types, layers of imports, whole suite.
#
#   bash run_tests.sh                                                # everything
#   bash run_tests.sh tests/nl2code/test_sampling.py -k healing -n 0   # arguments go to pytest; -n 0: in one process
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
settings "$@"
ensure_env requirements-dev.txt
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
"$PYTHON" -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-cache
# A process of tests for each core, with one thread: a thread that waits for a core that another process has is slow.
OMP_NUM_THREADS=1 "$PYTHON" -m pytest -q -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder "$@"
