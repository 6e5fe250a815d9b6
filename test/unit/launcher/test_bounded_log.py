import random
import re
from pathlib import Path

import pytest

from launcher.bounded_log import BoundedLog


def test_what_fits_is_kept_as_it_is(tmp_path: Path) -> None:
    log = BoundedLog(str(tmp_path / "log"), 4096)
    for part in (b"one\n", b"two", b"\n" + b"x" * 4000):
        log.write(part)
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n" + b"x" * 4000


def test_each_part_is_in_the_file_at_once(tmp_path: Path) -> None:
    log = BoundedLog(str(tmp_path / "log"), 4096)
    log.write(b"half a li")
    assert (tmp_path / "log").read_bytes() == b"half a li"


@pytest.mark.parametrize("limit", [4096, 10_000, 65_536])
@pytest.mark.parametrize("seed", range(20))
def test_however_it_is_cut_the_log_is_bounded_and_counts_what_it_dropped(tmp_path: Path, limit: int, seed: int) -> None:
    draw = random.Random(seed)
    whole = b"".join(b"%d %s\n" % (n, b"y" * draw.choice([0, 10, 300, 3000])) for n in range(draw.randrange(100, 1000)))
    log = BoundedLog(str(tmp_path / "log"), limit)
    at = 0
    while at < len(whole):
        size = draw.choice([1, 50, 1000, 65_536])
        log.write(whole[at : at + size])
        at += size
        assert (tmp_path / "log").stat().st_size <= limit
    found = (tmp_path / "log").read_bytes()
    if len(whole) <= limit:
        assert found == whole
        return
    marks = re.findall(rb"\[\xe2\x80\xa6 ([\d,]+) bytes dropped here[^\n]*\n", found)
    head, tail = re.split(rb"\[\xe2\x80\xa6 [^\n]*\n", found)
    assert len(marks) == 1
    if not whole.startswith(head):  # a line longer than the head was cut, and ended
        head = head.removesuffix(b"\n")
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert len(head) + int(marks[0].replace(b",", b"")) + len(tail) == len(whole)
    assert len(head) + len(tail) >= limit * 3 // 8 - 1


def test_a_reader_never_sees_a_file_that_is_half_rewritten(tmp_path: Path) -> None:
    log = BoundedLog(str(tmp_path / "log"), 4096)
    log.write(b"first\n" + b"x" * 4000 + b"\n")
    with (tmp_path / "log").open("rb") as reader:
        log.write(b"more\n" * 500)
        assert reader.read() == b"first\n" + b"x" * 4000 + b"\n"  # the old file, whole
    assert (tmp_path / "log").read_bytes().startswith(b"first\n")


def test_a_full_disk_costs_output_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    log = BoundedLog(str(tmp_path / "log"), 4096)
    log.write(b"lost\n")
    log.write(b"z" * 10_000)
    log.close()


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    log = BoundedLog(str(tmp_path / "log"), 4096)
    log.write(bytes(range(256)))
    assert (tmp_path / "log").read_bytes() == bytes(range(256))
