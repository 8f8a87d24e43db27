#!/usr/bin/env bash
# Run the tests: environment (made if missing), style, types, layers of imports, whole suite.
#
#   bash run_tests.sh                                                # everything
#   bash run_tests.sh tests/generating/test_sampling.py -k healing   # arguments go to pytest
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
settings "$@"
ensure_env requirements-dev.txt
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
"$PYTHON" -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-cache
"$PYTHON" -m pytest -q "$@"
