from pathlib import Path

import pytest

from launcher.oom import OomKills, counters, oom_kills


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("low 0\nhigh 12\nmax 40\noom 3\noom_kill 2\noom_group_kill 1\n", 2),  # memory.events
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", 7),  # memory.oom_control
        ("pgmigrate_fail 0\noom_kill 5\nnuma_hit 9\n", 5),  # /proc/vmstat
        ("low 0\nhigh 0\n", None),  # kernels before 4.13
        ("", None),
    ],
)
def test_the_counter_is_found_in_each_of_its_files(text: str, count: int | None) -> None:
    assert oom_kills(text) == count


def test_this_machine_has_a_counter() -> None:
    last = Path(counters()[-1])
    assert oom_kills(last.read_text()) is not None


def test_each_kill_is_told_of_once_and_what_was_before_is_not(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("oom_kill 3\n")
    kills = OomKills([str(tmp_path / "none"), str(tmp_path / "events")])
    assert not kills.happened()
    (tmp_path / "events").write_text("oom_kill 5\n")
    assert [kills.happened() for _ in range(3)] == [True, True, False]
