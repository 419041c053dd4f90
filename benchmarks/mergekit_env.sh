#!/usr/bin/env bash
# Make an environment of its own for mergekit 0.1.5, which evomerge is compared with and never imports.
# Usage: benchmarks/mergekit_env.sh DIRECTORY   (then DIRECTORY/bin/mergekit-yaml)
set -euo pipefail
venv=${1:?usage: $0 DIRECTORY}
python=${PYTHON:-python3.11}
if [ ! -x "$venv/bin/mergekit-yaml" ]; then
    "$python" -m venv "$venv"
    # The CPU build is enough for parity and for timings on a CPU, and is a tenth of the download.
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${TORCH:-torch==2.13.0}" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
    "$venv/bin/pip" install --quiet --disable-pip-version-check mergekit==0.1.5
fi
"$venv/bin/python" -c 'import importlib.metadata as m; print("mergekit", m.version("mergekit"), "torch", m.version("torch"), "transformers", m.version("transformers"))'
