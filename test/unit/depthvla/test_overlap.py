import threading

import pytest

from depthvla.labels.overlap import Shares, Writing


@pytest.mark.parametrize(("reading", "looking", "writing", "said"), [
    (8.0, 1.0, 0.5, "limited by reading (looking waits for it"),
    (1.0, 7.0, 0.5, "limited by looking (busy"),
    (1.0, 2.0, 6.0, "limited by writing (looking waits for it"),
])  # fmt: skip
def test_what_the_others_wait_for_is_said(reading: float, looking: float, writing: float, said: str) -> None:
    shares = Shares(readers=2)
    shares.for_reading.seconds, shares.looking.seconds, shares.for_writing.seconds = reading, looking, writing
    assert shares.limit().startswith(said)


def test_time_is_shared_out_over_the_threads_that_read() -> None:
    shares = Shares(readers=4)
    shares.reading.seconds, shares.looking.seconds = 1.0, 1.0
    metrics = shares.metrics()
    assert metrics["time.reading_busy"] == pytest.approx(metrics["time.looking_busy"] / 4)
    assert all(name.startswith("time.") for name in metrics)


def test_what_is_to_be_written_does_not_pile_up() -> None:
    may_write, written = threading.Semaphore(0), []

    def write(piece: int) -> None:
        may_write.acquire()
        written.append(piece)

    shares = Shares(readers=1)
    writing = Writing(write, shares, ahead=2)
    writing.put(0)
    writing.put(1)
    assert list(writing.written()) == []
    assert shares.for_writing.seconds == 0
    # A third waits for the first.
    waiting = threading.Thread(target=writing.put, args=(2,))
    waiting.start()
    waiting.join(0.2)
    waited = waiting.is_alive()
    may_write.release(3)
    waiting.join(60)
    assert waited
    assert not waiting.is_alive()
    assert shares.for_writing.seconds > 0.1
    assert list(writing.rest()) == [0, 1, 2]
    assert written == [0, 1, 2]
    writing.close()


def test_what_goes_wrong_while_writing_is_not_lost() -> None:
    def write(_piece: int) -> None:
        raise OSError("no space left")

    writing = Writing(write, Shares(readers=1))
    writing.put(0)
    with pytest.raises(OSError, match="no space left"):
        list(writing.rest())
    writing.close()
