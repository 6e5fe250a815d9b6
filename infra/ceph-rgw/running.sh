# Sourced by up.sh and down.sh, with $dir and $conf set.

# The pid of a daemon (mon.a, osd.0, client.rgw), if the one in its pid file still is that daemon.
pid_of() {
  local pid
  pid=$(cat "$dir/run/$1.pid" 2>/dev/null) && grep -qzF -- "$conf" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}
running() { pid_of "$1" >/dev/null; }
