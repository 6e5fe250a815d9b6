"""Nodes that meet: here several in one process, over loopback."""

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from launcher.slurm.claim import claim_for, is_claimed_by
from launcher.slurm.meeting import Meeting
from launcher.slurm.record import merge
from launcher.slurm.wire import LONGEST, Lines, pack, shorten


def meet(meetings: list[Meeting], peers: list[list[object]], patience: float) -> list[tuple[list[int], str | None]]:
    message = {"do": "meet", "peers": peers, "token": "secret"}
    with ThreadPoolExecutor(len(meetings)) as threads:
        return list(
            threads.map(lambda it: it[1].meet(message, it[0], patience), enumerate(meetings))  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("count", [2, 3, 8])
def test_nodes_that_reach_each_other_compute_the_same_sum(count: int) -> None:
    meetings = [Meeting("127.0.0.1") for _ in range(count)]
    assert meet(meetings, [[it.address, it.port] for it in meetings], 60) == [([], None)] * count


def test_a_node_that_nobody_reaches_is_told_of_by_all_others() -> None:
    meetings = [Meeting("127.0.0.1") for _ in range(3)]
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts, and says nothing
        peers: list[list[object]] = [[it.address, it.port] for it in meetings]
        peers[1] = ["127.0.0.1", deaf.getsockname()[1]]
        found = meet(meetings, peers, 1)
    assert [unreached for unreached, _ in found] == [[1], [], [1]]
    assert found[1][1] is not None


def test_whoever_does_not_know_the_token_is_not_answered() -> None:
    meetings = [Meeting("127.0.0.1") for _ in range(2)]
    with socket.create_connection((meetings[0].address, meetings[0].port)) as stranger:
        stranger.sendall(b"wrong!" + struct.pack("!I", 1))
        assert meet(meetings, [[it.address, it.port] for it in meetings], 60) == [([], None)] * 2
        assert stranger.recv(1) == b""


def test_an_attempt_is_claimed_by_one_job(tmp_path: Path) -> None:
    assert not is_claimed_by(str(tmp_path), "7")
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda job: claim_for(str(tmp_path), str(job)), range(8)))
    assert sorted(won) == [False] * 7 + [True]
    assert [is_claimed_by(str(tmp_path), str(job)) for job in range(8)] == won
    assert [path.name for path in tmp_path.iterdir()] == ["claim"]


def test_lines_come_whole_however_they_arrive(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(pack({"do": "a"}) + b"Loading module cuda\n" + pack({"do": "b"}) + b'{"do": "unfin')
    with path.open("rb") as file:
        lines = Lines(file.fileno())
        assert lines.read() == [{"do": "a"}, {"do": "b"}]
        assert lines.read() is None


def test_what_a_node_says_fits_into_a_line_that_slurm_passes_on_whole() -> None:
    assert shorten("short") == "short"
    assert len(pack({"node": 1, "say": "hello", "trouble": shorten("ü" * 10_000)})) < LONGEST


def test_of_several_bad_ranks_the_first_is_named() -> None:
    def rank(number: int, code: int, ended: float) -> dict[str, object]:
        return {"rank": number, "code": code, "endedAt": ended}

    one = {"firstBad": 1, "ranks": [rank(0, 0, 9.0), rank(1, 1, 6.0)], "peakMemory": 5}
    two = {"firstBad": 2, "ranks": [rank(2, 7, 5.0)], "peakMemory": None}
    merged = merge({0: one, 1: two}, [rank(3, 1, 4.0)], None)  # type: ignore[arg-type, dict-item, list-item]
    assert (merged["firstBad"], merged["peakMemory"]) == (2, 5)
    assert [each["rank"] for each in merged["ranks"]] == [0, 1, 2, 3]  # type: ignore[union-attr, index, call-overload]


def test_a_rank_that_saved_when_the_attempt_was_asked_to_stop_is_not_bad() -> None:
    def rank(number: int, code: int, ended: float) -> dict[str, object]:
        return {"rank": number, "code": code, "endedAt": ended}

    saved = {"firstBad": 0, "ranks": [rank(0, 75, 1.0)], "peakMemory": None}
    failed = {"firstBad": 1, "ranks": [rank(1, 1, 2.0)], "peakMemory": None}
    for cause, first in (("signal", 1), ("time", 1), ("ranks", 0)):
        assert merge({0: saved, 1: failed}, [], cause)["firstBad"] == first  # type: ignore[arg-type, dict-item]
