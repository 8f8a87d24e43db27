# CERT in a container: target `cpu`, or `cuda` (the default; the host needs NVIDIA's driver and container toolkit).
#
#   docker build --target cuda -t cert .
#   docker run --rm --gpus all --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
#     -v "$PWD/data:/cert/data" -v "$PWD/models:/cert/models" -v "$PWD/results:/cert/results" cert bash run_quickstart.sh
#
# The volumes must be writable for user 1000. The two --security-opt let the sandbox of the evaluation make namespaces; without
# them it takes a weaker layer, or refuses, and says which. Packages: requirements.txt alone, so no tests.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 CERT_PYTHON=/usr/local/bin/python HF_HOME=/cert/models/.hub
RUN useradd --create-home --uid 1000 cert && mkdir /cert && chown cert:cert /cert
WORKDIR /cert
COPY requirements.txt ./

# TORCH_INDEX: address of PyTorch's index of CPU wheels (see "Get started" on pytorch.org). Without it the wheel of PyPI is
# taken, which computes on CPUs as well, but brings CUDA's libraries.
FROM base AS cpu
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements.txt
COPY --chown=cert:cert . .
RUN pip install --no-cache-dir --no-deps -e ./pandas-numpy-eval
USER 1000
CMD ["bash", "run_quickstart.sh", "--help"]

FROM base AS cuda
RUN pip install --no-cache-dir -r requirements.txt
COPY --chown=cert:cert . .
RUN pip install --no-cache-dir --no-deps -e ./pandas-numpy-eval
USER 1000
CMD ["bash", "run_quickstart.sh", "--help"]
