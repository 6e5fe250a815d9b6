#!/bin/sh
# Installs what is missing, and nothing else: `npm run setup`, for running; `npm run setup -- --tests`, for the tests too.
# Everything goes into the checkout (node_modules, .venv, .setup), but for Debian packages, which are installed only by
# root; else it says what to ask for. Idempotent, and resumable: each step leaves a stamp when it is done.
#   ORCHESTRATE_TORCH_INDEX   index for PyTorch (on x86-64 without a GPU: that of its CPU builds, if it can be reached)
#   ORCHESTRATE_BASE_PYTHON   the Python (3.11 or newer) to make the virtual environment from
set -eu
cd "$(dirname "$0")/../.."
. infra/setup/steps.sh

tests=no
for option in "$@"; do
  case $option in
    --tests) tests=yes ;;
    *) fail "setup: unknown option $option" "npm run setup [-- --tests]" ;;
  esac
done
mkdir -p .setup
# What was downloaded is kept here until it is installed: a set-up that was cut off goes on where it was.
export PIP_CACHE_DIR="${PIP_CACHE_DIR:-$PWD/.setup/pip-cache}"

step "Node.js"
require_node
step "npm packages"
install_npm_packages
step "Debian packages"
packages=$(debian_packages run)
if [ $tests = yes ]; then packages="$packages$(debian_packages tests)"; fi
install_debian_packages "$packages"
step "Python environment"
make_venv
install_python_packages run worker-images/depthvla/requirements.lock
if [ $tests = yes ]; then install_python_packages tests worker-images/depthvla/requirements-dev.lock; fi
step "check"
verify "$tests"
done_message
