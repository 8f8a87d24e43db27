#!/usr/bin/env bash
# Training and sampling on one GPU, measured in under 9 minutes, without a network: benchmarks/one_gpu.py.
#
#   bash benchmarks/one_gpu.sh                  # a table, and benchmarks/results/one_gpu.json
#   PACK=/data/pack bash benchmarks/one_gpu.sh  # the folder that `python -m scripts.pack_for_gpu pack` wrote (default: pack)
#   bash benchmarks/one_gpu.sh --size small     # the variant for CPUs, seconds; chosen by itself where there is no GPU
#
# Without a folder PACK it takes models/smollm2-135m. CERT_PYTHON names a Python; flags go to benchmarks/one_gpu.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

LIMIT=530 # seconds for all, unpacking included
PACK=$(realpath -m -- "${PACK:-pack}")
python=${CERT_PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
export PYTHONPATH="$PWD:$PWD/pandas-numpy-eval${PYTHONPATH:+:$PYTHONPATH}"
export CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES:-0} HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

flags=()
if [ -f "$PACK/manifest.json" ]; then
  "$python" -m scripts.pack_for_gpu join "$PACK"
  wheels=("$PACK"/joined/wheels/*.whl)
  if [ -f "${wheels[0]}" ]; then
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target "$PACK/joined/site" "${wheels[@]}"
    PYTHONPATH="$PACK/joined/site:$PYTHONPATH"
  fi
  flags=(--pack "$PACK/joined")
fi
# The JSON file is written after every measurement, so that a stop at the limit loses one.
timeout --signal=INT --kill-after=5 $((LIMIT - SECONDS)) \
  "$python" -m benchmarks.one_gpu --seconds $((LIMIT - SECONDS - 10)) "${flags[@]+"${flags[@]}"}" "$@"
