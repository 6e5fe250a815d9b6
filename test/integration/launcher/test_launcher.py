"""The launcher as an engine meets it: a program that is given a directory. For the rest see the engines' contract."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from launcher.memory import Memory, members
from launcher.oom import oom_kills

LAUNCHER = Path(__file__).parents[3] / "worker-images/launcher/__main__.py"


def write_job(directory: Path, **patch: object) -> None:
    job = {
        "protocol": 1,
        "attempt": directory.name,
        "command": ["true"],
        "code": str(directory),
        "ranks": 1,
        "cores": 1,
        "gpus": [],
        "grace": 60,
        "time": None,
        "memory": None,
        "logBytes": 4096,
    }
    (directory / "job.json").write_text(json.dumps({**job, **patch}))


def launch(directory: Path, cwd: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", LAUNCHER, directory], capture_output=True, text=True, cwd=cwd, check=False
    )


def exit_of(directory: Path) -> dict[str, object]:
    record: dict[str, object] = json.loads((directory / "exit.json").read_text())
    return record


def ranks_of(record: dict[str, object]) -> list[dict[str, object]]:
    return cast(list[dict[str, object]], record["ranks"])


def test_an_attempt_is_claimed_run_and_recorded(tmp_path: Path) -> None:
    write_job(tmp_path, command=["sh", "-c", "echo out; echo err >&2"])
    done = launch(tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("claimed\n", "", 0)
    assert (tmp_path / "stdout.0.log").read_text() == "out\n"
    assert (tmp_path / "stderr.0.log").read_text() == "err\n"
    assert exit_of(tmp_path)["ranks"] == [json.loads((tmp_path / "exit.0.json").read_text())]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "claim",
        "exit.0.json",
        "exit.json",
        "job.json",
        "stderr.0.log",
        "stdout.0.log",
    ]


def test_it_runs_once(tmp_path: Path) -> None:
    write_job(tmp_path, command=["sh", "-c", "echo >> ran"])
    assert [launch(tmp_path).stdout for _ in range(3)] == ["claimed\n", "taken\n", "taken\n"]
    assert (tmp_path / "ran").read_text() == "\n"


def test_the_directory_may_be_given_relative(tmp_path: Path) -> None:
    (tmp_path / "a-1").mkdir()
    write_job(tmp_path / "a-1", command=["sh", "-c", "echo $ORCHESTRATE_ATTEMPT_DIR"], code="/")
    launch(Path("a-1"), cwd=tmp_path)
    assert (tmp_path / "a-1/stdout.0.log").read_text() == f"{tmp_path}/a-1\n"


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"protocol": 2}, "protocol 2, but this launcher speaks protocol 1"),
        ({"ranks": "two"}, "ranks: expected a whole number from 1 to 65536, found 'two'"),
        ({"command": [1]}, "command: expected a list of strings, found [1]"),
        ({"code": "/no/such/snapshot"}, "No such file or directory: '/no/such/snapshot'"),
        ({"command": ["./worker"]}, "No such file or directory: './worker'"),
        ({"command": ["/etc/passwd"]}, "Permission denied: '/etc/passwd'"),
    ],
)
def test_a_job_that_can_not_be_started_says_why(tmp_path: Path, patch: dict[str, object], said: str) -> None:
    write_job(tmp_path, **patch)
    done = launch(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    record = exit_of(tmp_path)
    assert (record["cause"], record["ranks"]) == ("launcher", [])
    assert said in str(record["message"])


@pytest.mark.parametrize("text", ["", "[]", '{"protocol": 1'])
def test_a_broken_job_file_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.json").write_text(text)
    assert launch(tmp_path).stderr == ""
    assert exit_of(tmp_path)["cause"] == "launcher"


def test_a_directory_that_is_not_there_is_an_error_of_the_caller(tmp_path: Path) -> None:
    done = launch(tmp_path / "none")
    assert done.returncode == 1
    assert "none/claim" in done.stderr
    assert subprocess.run([sys.executable, LAUNCHER], capture_output=True, check=False).returncode == 64


def test_the_claim_is_locked_from_the_moment_that_it_is_there_until_the_last_rank_has_ended(tmp_path: Path) -> None:
    for rank in range(2):
        os.mkfifo(tmp_path / f"go.{rank}")
    write_job(tmp_path, command=["sh", "-c", "echo up; read line < go.$RANK"], ranks=2)
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "claimed\n"
        with (tmp_path / "claim").open() as claim:
            with pytest.raises(BlockingIOError):
                fcntl.flock(claim, fcntl.LOCK_SH | fcntl.LOCK_NB)
            assert json.load(claim)["pid"] == launcher.pid
            for rank in range(2):
                (tmp_path / f"go.{rank}").write_text("on\n")
            fcntl.flock(claim, fcntl.LOCK_SH)
        assert exit_of(tmp_path)["firstBad"] is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_whatever_asks_the_launcher_to_end_asks_the_ranks(tmp_path: Path, number: signal.Signals) -> None:
    write_job(tmp_path, command=["sh", "-c", "trap 'exit 75' TERM; while :; do sleep 0.01; done"])
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        launcher.stdout.readline()
        launcher.send_signal(number)
    assert exit_of(tmp_path)["cause"] == "signal"


def test_ranks_that_wait_for_one_that_did_not_survive_being_asked_to_stop_are_not_waited_for(tmp_path: Path) -> None:
    others_wait = '[ "$RANK" = 0 ] || trap : TERM; echo > "up.$RANK"; while :; do sleep 0.05; done'
    write_job(tmp_path, command=["sh", "-c", others_wait], ranks=2, grace=100_000)
    with subprocess.Popen([sys.executable, "-I", "-S", LAUNCHER, tmp_path], stdout=subprocess.DEVNULL) as process:
        while not ((tmp_path / "up.0").exists() and (tmp_path / "up.1").exists()):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
    record = exit_of(tmp_path)
    assert record["cause"] == "signal"
    assert [rank["signal"] for rank in ranks_of(record)] == ["SIGTERM", "SIGKILL"]


def test_the_port_is_kept_for_the_ranks_and_free_for_them(tmp_path: Path) -> None:
    listen = (
        "import os, socket, sys; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1);"
        "s.bind(('', int(os.environ['MASTER_PORT']))); s.listen(); print(s.getsockname()[1], flush=True);"
        "s.accept()[0].recv(1)"
    )
    write_job(tmp_path, command=[sys.executable, "-c", listen])
    os.mkfifo(tmp_path / "stdout.0.log")  # so that this test can wait for the line
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL), (tmp_path / "stdout.0.log").open() as line:
        port = int(line.readline())
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.send(b"x")
    assert exit_of(tmp_path)["firstBad"] is None


def test_a_rank_that_closes_its_output_goes_on(tmp_path: Path) -> None:
    write_job(tmp_path, command=["sh", "-c", "exec >&- 2>&-; exit 5"])
    launch(tmp_path)
    assert [rank["code"] for rank in ranks_of(exit_of(tmp_path))] == [5]


def test_what_a_rank_says_last_is_kept(tmp_path: Path) -> None:
    write_job(tmp_path, command=["sh", "-c", "head -c 60000 /dev/zero; echo last"], logBytes=100_000)
    launch(tmp_path)
    assert (tmp_path / "stdout.0.log").read_bytes() == b"\0" * 60_000 + b"last\n"


def test_on_a_full_disk_the_end_is_recorded_all_the_same(tmp_path: Path) -> None:
    fill = "cat /dev/zero > filler; echo lost; exit 74"
    write_job(tmp_path, command=["sh", "-c", fill], ranks=2)
    script = (
        "set -e; mkdir small; mount -t tmpfs -o size=256k none small; cp job.json small;"
        f'sed -i \'s|"code": "[^"]*"|"code": "{tmp_path}/small"|\' small/job.json;'
        f"'{sys.executable}' -I -S '{LAUNCHER}' small; cp small/exit.json ."
    )
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(alone, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("claimed\n", 0), done.stderr
    record = exit_of(tmp_path)
    assert (record["cause"], record["message"]) == ("ranks", None)
    assert 74 in [rank["code"] for rank in ranks_of(record)]


def test_it_imports_nothing_that_takes_long() -> None:
    listing = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", LAUNCHER], capture_output=True, text=True, check=False
    ).stderr
    imported = {line.rsplit("|")[-1].strip() for line in listing.splitlines() if "|" in line}
    assert "launcher.gang" in imported
    assert not imported & {"json", "re", "enum", "signal", "typing", "subprocess", "socket", "pathlib", "dataclasses"}


# Takes as many MiB as it is told, touches them, and says so.
TAKE = "import os, sys, time; held = b'x' * (int(sys.argv[1]) << 20); print('taken', flush=True); "


def test_ranks_that_use_more_memory_than_they_may_are_killed_with_the_peak_on_record(tmp_path: Path) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {TAKE + 'time.sleep(600)'!r}, '150'])"
    write_job(tmp_path, command=[sys.executable, "-c", child], ranks=2, memory=200 << 20)
    launch(tmp_path)
    record = exit_of(tmp_path)
    assert record["cause"] == "memory"
    assert 200 << 20 < cast(int, record["peakMemory"]) < 400 << 20
    assert [(rank["signal"], rank["oomKilled"]) for rank in ranks_of(record)] == [("SIGKILL", False)] * 2


def test_memory_that_processes_share_counts_once() -> None:
    # Each fork has all of its parent's 100 MiB in its resident set: four times over the limit, if that counted.
    script = TAKE + "[os.fork() and os.fork(), os.write(1, b'forked\\n'), sys.stdin.read()]"
    command = [sys.executable, "-c", script, "100"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(4)] == ["taken\n"] + ["forked\n"] * 3
        assert sum(members(None, {process.pid}, set()).values()) > 300 << 20
        memory = Memory(200 << 20, None)
        assert not memory.is_over({process.pid}, set())
        assert 100 << 20 < memory.peak < 150 << 20
        process.communicate()


def test_without_a_limit_nobody_looks(tmp_path: Path) -> None:
    write_job(tmp_path)
    launch(tmp_path)
    assert exit_of(tmp_path)["peakMemory"] is None


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group of 96 MiB, version 1 or 2, whichever accounts for memory on this machine."""
    root, limit = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
    if not root.is_dir():
        root, limit = Path("/sys/fs/cgroup"), "memory.max"
    group = root / f"orchestrate-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / limit).write_text(str(96 << 20))
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no control group of limited memory can be made here: {error}")
    yield group
    group.rmdir()


def test_a_rank_that_the_kernel_kills_for_want_of_memory_is_told_from_one_that_somebody_kills(
    tmp_path: Path, small_group: Path
) -> None:
    def end_of(name: str, script: str) -> dict[str, object]:
        (tmp_path / name).mkdir()
        write_job(tmp_path / name, command=[sys.executable, "-c", script, "200"], code="/")
        enter = f"echo $$ > {small_group}/cgroup.procs && exec {sys.executable} -I -S {LAUNCHER} {tmp_path / name}"
        subprocess.run(["sh", "-c", enter], check=True, stdout=subprocess.DEVNULL)
        return ranks_of(exit_of(tmp_path / name))[0]

    def killed_on_this_machine() -> int:
        return cast(int, oom_kills(Path("/proc/vmstat").read_text()))

    before = killed_on_this_machine()
    taker = end_of("taker", TAKE)
    assert (taker["signal"], taker["oomKilled"]) == ("SIGKILL", True)
    assert cast(int, taker["peakRss"]) > 48 << 20
    assert killed_on_this_machine() > before
    victim = end_of("victim", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (victim["signal"], victim["oomKilled"]) == ("SIGKILL", False)


def test_a_disk_that_is_full_before_the_ranks_start_is_told_as_what_it_is(tmp_path: Path) -> None:
    write_job(tmp_path)
    script = (
        "set -e; mkdir small; mount -t tmpfs -o size=12k none small; cp job.json small;"
        f"'{sys.executable}' -I -S '{LAUNCHER}' small; cp small/exit.json ."
    )
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(alone, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("claimed\n", 0), done.stderr
    assert (exit_of(tmp_path)["code"], exit_of(tmp_path)["ranks"]) == ("DISK_FULL", [])
