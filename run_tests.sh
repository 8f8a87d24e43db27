#!/usr/bin/env bash
# Run the tests: environment (made if missing), style, whole suite.
#
#   bash run_tests.sh                 # everything
#   bash run_tests.sh tests/test_sampling.py -k healing     # arguments go to pytest
#
# Settings (environment variables):
#   CERT_PYTHON  a Python with requirements-dev.txt installed; else the active environment, else .venv
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"
help_if_asked "$@"
take_lock
ensure_env requirements-dev.txt
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m pytest -q "$@"
