# Sourced by up and down, with $dir set.

# The pid of a daemon (munged, slurmctld, slurmd-node1 …), if the one in its pid file still is that daemon of this cluster.
pid_of() {
  local pid
  pid=$(cat "$dir/run/$1.pid" 2>/dev/null) && grep -qazF -- "$dir/" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}
running() { pid_of "$1" >/dev/null; }

# What jobs have left, also where their node's daemon was killed: their steps and tasks, on one node or on all. The cluster's
# name is in the environment of both, but also in the shells of those who use it.
job_processes() { # job_processes [NODE]
  local process
  for process in $(grep -slazFx -- "SLURM_CONF=$dir/etc/slurm.conf" /proc/[0-9]*/environ); do
    process=${process%/environ}
    if grep -qsazx "SLURMD_NODENAME=${1:-.*}" "$process/environ" || is_step "$process" "${1:-.*}"; then
      echo "${process#/proc/}"
    fi
  done
}
# Steps don't carry their node's name, but have its log open.
is_step() { grep -qsa '^slurmstepd' "$1/cmdline" && readlink "$1"/fd/* 2>/dev/null | grep -qx -- "$dir/log/slurmd-$2\.log"; }

# Kills them until there are none: one may have started another in its last moment.
kill_jobs() { # kill_jobs [NODE]
  local pids
  for _ in $(seq 100); do
    pids=$(job_processes "$@")
    [ -n "$pids" ] || break
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null
    sleep .05
  done
}
