"""The launcher under a real Slurm: as batch step and on the nodes, submitted by sbatch itself."""

import json
import sys
from collections.abc import Iterator
from typing import cast

import pytest

from slurm_here import Attempt, Cluster, cluster, ends_of, ranks_of, why_no_slurm

pytestmark = pytest.mark.skipif(why_no_slurm() is not None, reason=str(why_no_slurm()))

# Each rank says that it is up before it does anything else.
UP = 'echo > "$ORCHESTRATE_ATTEMPT_DIR/up.$RANK"; '
WAIT = "while :; do sleep 0.05; done"


@pytest.fixture(scope="module")
def slurm() -> Iterator[Cluster]:
    with cluster(nodes=3, memory=2000, cred_expire=5, silence=20) as up:
        yield up


@pytest.fixture(autouse=True)
def nothing_left(slurm: Cluster) -> Iterator[None]:
    yield
    slurm.end_all()


def test_ranks_on_two_nodes_know_each_other_and_their_gpus(slurm: Cluster) -> None:
    said = "$RANK $LOCAL_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE $CUDA_VISIBLE_DEVICES $OMP_NUM_THREADS"
    said = f"{said} $MASTER_ADDR $MASTER_PORT"
    attempt = Attempt(slurm, "env", f'echo "{said}"; echo "$SLURMD_NODENAME" > "node.$RANK"; exit "$((RANK / 4))"')
    job = attempt.submit()
    end = attempt.end()
    assert (end["cause"], end["firstBad"], end["message"], end["nodes"]) == ("ranks", None, None, []), attempt.tell()
    assert ends_of(end) == [0, 0, 0, 0]
    assert [rank["rank"] for rank in ranks_of(end)] == [0, 1, 2, 3]
    assert json.loads((attempt.directory / "claim").read_text()) == {"slurm": {"job": job}}
    lines = [(attempt.directory / f"stdout.{rank}.log").read_text().split() for rank in range(4)]
    assert [line[:6] for line in lines] == [
        ["0", "0", "4", "2", "0", "1"],
        ["1", "1", "4", "2", "1", "1"],
        ["2", "0", "4", "2", "0", "1"],
        ["3", "1", "4", "2", "1", "1"],
    ]
    assert len({tuple(line[6:]) for line in lines}) == 1
    nodes = [(attempt.directory / f"node.{rank}").read_text().strip() for rank in range(4)]
    assert nodes == ["node1", "node1", "node2", "node2"]


def test_one_node_needs_no_step_of_its_own(slurm: Cluster) -> None:
    attempt = Attempt(slurm, "one", 'echo "$RANK/$WORLD_SIZE $CUDA_VISIBLE_DEVICES"; exit "$RANK"', nodes=1, ranks=2)
    attempt.submit()
    end = attempt.end()
    assert (end["cause"], end["firstBad"], ends_of(end), end["nodes"]) == ("ranks", 1, [0, 1], [])
    assert (attempt.directory / "stdout.1.log").read_text() == "1/2 1\n"
    assert not (attempt.directory / "exit.node0.json").exists()


def test_the_rank_that_failed_first_is_named_and_no_code_is_folded_into_another(slurm: Cluster) -> None:
    script = UP + 'trap "exit 9" TERM; [ "$RANK" != 3 ] || { until [ -e up.0 ] && [ -e up.1 ]; do :; done; exit 7; }; '
    attempt = Attempt(slurm, "failing", script + WAIT)
    attempt.submit()
    end = attempt.end()
    assert (end["cause"], end["firstBad"]) == ("ranks", 3), attempt.tell()
    assert ends_of(end) == [9, 9, 9, 7] or ends_of(end)[2] == "SIGTERM"
    assert [json.loads((attempt.directory / f"exit.{rank}.json").read_text()) for rank in range(4)] == end["ranks"]
    assert json.loads((attempt.directory / "exit.node1.json").read_text())["firstBad"] == 3


# A shell can't trap what is ignored when it starts.
HEARS = """
import os, signal
rank = os.environ["RANK"]
for name in ("usr1", "usr2"):
    number = getattr(signal, "SIG" + name.upper())
    signal.signal(number, lambda *_, name=name: open(f"{name}.{rank}", "w").close())
signal.signal(signal.SIGTERM, lambda *_: os._exit(75))  # asked again while it leaves, sys.exit dies of the signal
open(f"up.{rank}", "w").close()
while True:
    signal.pause()
"""


def test_signals_reach_every_rank(slurm: Cluster) -> None:
    attempt = Attempt(slurm, "signals", "", command=[sys.executable, "-c", HEARS])
    job = attempt.submit()
    attempt.until_up()
    for name in ("usr1", "usr2"):
        slurm.run("scancel", "--batch", f"--signal={name}", job)
        attempt.until(lambda name=name: len(list(attempt.directory.glob(f"{name}.*"))) == 4)  # type: ignore[misc]
    slurm.run("scancel", "--batch", "--signal=TERM", job)
    end = attempt.end()
    assert (end["cause"], end["firstBad"], ends_of(end)) == ("signal", None, [75] * 4), attempt.tell()


def test_a_time_limit_of_slurms_is_reported_as_one(slurm: Cluster) -> None:
    causes = []
    # On a busy machine Slurm may not say why in time, or ranks are done before their launcher hears that they were
    # asked: then the record says what is certain, and the engine asks again.
    while "time" not in causes and len(causes) < 4:
        attempt = Attempt(slurm, f"time-{len(causes)}", 'trap "exit 75" TERM; ' + UP + WAIT)
        job = attempt.submit("--time=10")
        attempt.until_up()
        slurm.run("scontrol", "update", f"jobid={job}", "timelimit=0")  # Slurm looks every half minute
        end = attempt.end()
        assert ends_of(end) == [75] * 4, attempt.tell()
        assert end["firstBad"] is None or end["cause"] == "ranks", attempt.tell()
        causes.append(end["cause"])
    assert causes[-1] == "time", causes


def test_a_time_limit_of_the_attempts_own_and_one_of_memory_are_reported_as_such(slurm: Cluster) -> None:
    attempt = Attempt(slurm, "own-time", 'trap "exit 75" TERM; ' + UP + WAIT, time=0.5)
    attempt.submit()
    assert attempt.end()["cause"] == "time"
    grows = "import os, time; x = b'x' * (200 << 20 if os.environ['RANK'] == '2' else 1); time.sleep(600)"
    attempt = Attempt(slurm, "memory", "", command=[sys.executable, "-S", "-c", grows], memory=150 << 20)
    attempt.submit()
    end = attempt.end()
    assert end["cause"] == "memory"
    assert cast(int, end["peakMemory"]) > 150 << 20


def test_ranks_can_be_killed_and_still_leave_a_record(slurm: Cluster) -> None:
    attempt = Attempt(slurm, "killed", 'trap "" TERM; ' + UP + WAIT)
    job = attempt.submit()
    attempt.until_up()
    slurm.run("scancel", "--batch", "--signal=QUIT", job)
    end = attempt.end()
    assert (end["cause"], ends_of(end)) == ("signal", ["SIGKILL"] * 4)


def test_an_attempt_runs_once_however_often_it_is_submitted(slurm: Cluster) -> None:
    attempt = Attempt(slurm, "twice", 'echo >> "ran.$RANK"; ' + UP + WAIT)
    first = attempt.submit("--requeue")
    attempt.until_up()
    again = attempt.submit("--open-mode=append")
    attempt.until(lambda: slurm.run("squeue", "-h", "-t", "all", "-j", again, "-o", "%T") == "COMPLETED")
    slurm.run("scontrol", "requeue", first)
    attempt.until(lambda: "Restarts=1" in slurm.run("scontrol", "show", "job", first))
    attempt.until(lambda: "COMPLETED" in slurm.run("squeue", "-h", "-t", "all", "-j", first, "-o", "%T"))
    assert [(attempt.directory / f"ran.{rank}").read_text() for rank in range(4)] == ["\n"] * 4
    assert json.loads((attempt.directory / "claim").read_text()) == {"slurm": {"job": first}}


def test_an_attempt_that_was_taken_back_is_not_started(slurm: Cluster) -> None:
    attempt = Attempt(slurm, "revoked", UP)
    (attempt.directory / "claim").write_text('{"revoked": true}\n')
    job = attempt.submit()
    attempt.until(lambda: slurm.run("squeue", "-h", "-t", "all", "-j", job, "-o", "%T") == "COMPLETED")
    assert sorted(path.name for path in attempt.directory.iterdir()) == [
        "batch.json",
        "claim",
        "job.json",
        "launcher.log",
    ]


BREAK = 'if [ "$SLURMD_NODENAME" = node2 ]; then {}; fi; exec "$@"'


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("CUDA_VISIBLE_DEVICES=0", "node2 has 1 GPUs for it, not 2"),
        ("TMPDIR=/proc", "node2 can't write to /proc"),
        ("exit 3", "node2 did not start its task"),
    ],
)
def test_a_node_that_is_not_fit_is_named(slurm: Cluster, broken: str, said: str) -> None:
    name = f"broken-{abs(hash(broken))}"
    attempt = Attempt(slurm, name, UP + "true", {"prefix": ["sh", "-c", BREAK.format(broken), "sh"]})
    attempt.submit()
    end = attempt.end()
    assert (end["cause"], end["code"], end["nodes"], end["ranks"]) == ("launcher", "NODE_BAD", ["node2"], [])
    assert said in str(end["message"])
    assert not list(attempt.directory.glob("up.*"))


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_check_of_the_workers_own_runs_once_per_rank_before_the_ranks(slurm: Cluster, nodes: int) -> None:
    def attempt(name: str, command: str) -> Attempt:
        check = {"kind": "ranks", "disk": 0, "skew": 5, "patience": 120, "command": ["sh", "-c", command]}
        return Attempt(slurm, f"{name}-{nodes}", "cat tried.$RANK", {"preflight": check}, nodes=nodes, ranks=2 * nodes)

    good = attempt("tried", 'echo "$RANK/$WORLD_SIZE" > "tried.$RANK"')
    good.submit()
    assert ends_of(good.end()) == [0, 0] * nodes, good.tell()
    assert (good.directory / "stdout.1.log").read_text() == f"1/{2 * nodes}\n"
    bad = attempt("failed", 'if [ "$RANK" != 1 ]; then sleep 600; fi; echo "no NVLink"; exit 4')
    bad.submit()
    end = bad.end()
    assert (end["code"], end["nodes"], end["ranks"]) == ("NODE_BAD", ["node1"], []), bad.tell()
    assert "node1 failed its check: rank 1 ended with exit code 4: no NVLink" in str(end["message"])


def test_a_node_that_is_lost_ends_the_others_and_is_named(slurm: Cluster) -> None:
    attempt = Attempt(slurm, "lost", 'trap "exit 75" TERM; ' + UP + WAIT, {"silence": 10})
    attempt.submit()
    attempt.until_up()
    slurm.lose("node2")
    try:
        end = attempt.end()
        assert (end["cause"], end["code"], end["nodes"]) == ("launcher", "NODE_LOST", ["node2"]), attempt.tell()
        assert {rank["rank"]: rank["code"] for rank in ranks_of(end)} == {0: 75, 1: 75}
    finally:
        slurm.again()
