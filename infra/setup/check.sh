#!/bin/sh
# All that can be said about the code without running it: format, lint, types; TypeScript, Python and shell.
set -u
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PWD/.venv/bin:$PATH
export PATH
failed=
try() { "$@" || failed="$failed
  $*"; }
try biome check --error-on-warnings .
try tsc --noEmit
try ruff check .
try ruff format --check .
try mypy
for script in $(git ls-files '*.sh' .ci/run orchestrator/cli/orchestrate); do try sh -n "$script"; done
[ -z "$failed" ] || { printf '\nfailed:%s\n' "$failed" >&2; exit 1; }
