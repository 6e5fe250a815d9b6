#!/bin/sh
# install-python.sh [INDEX]: a virtual environment with what requirements.lock names, and nothing else. PyTorch comes first
# and from INDEX, since its builds for CPU and GPU are told apart by the index; without one, from where all else comes from.
set -eu
lock=/image/requirements.lock
if [ -s /run/secrets/pip ]; then PIP_CONFIG_FILE=/run/secrets/pip; else PIP_CONFIG_FILE=/dev/null; fi
if [ -s /run/secrets/certificates ]; then export PIP_CERT=/run/secrets/certificates; fi
export PIP_CONFIG_FILE
python3 -m venv /opt/worker
pip() { /opt/worker/bin/python -m pip install --disable-pip-version-check --no-input --no-cache-dir --progress-bar off "$@"; }
torch=
while read -r line; do case $line in torch==*) torch=$line ;; esac done <"$lock"
if [ -n "$torch" ]; then
  if [ -n "$1" ]; then pip --index-url "$1" "$torch"; else pip "$torch"; fi
fi
pip --requirement "$lock"
/opt/worker/bin/python -m pip check
