#!/bin/sh
# Runs one tier of the tests, or all of them: TypeScript by Vitest, Python by pytest, both to their end.
# Usage: run-tests.sh [unit|integration|system …]
set -u
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
export PATH
failed=
for tier in "${@:-unit}"; do
  printf '\n── %s tests\n' "$tier"
  vitest run --project "$tier" || failed="$failed $tier/vitest"
  if [ -n "$(find "test/$tier" -name 'test_*.py' 2>/dev/null | head -n 1)" ]; then
    # Unit tests share nothing: several processes, which take from each other. Others start processes of their own.
    case $tier in unit) share='-n auto --maxprocesses 4 --dist worksteal' ;; *) share= ;; esac
    # shellcheck disable=SC2086
    .venv/bin/python -m pytest $share "test/$tier" || failed="$failed $tier/pytest"
  fi
done
[ -z "$failed" ] || { printf '\nfailed:%s\n' "$failed" >&2; exit 1; }
