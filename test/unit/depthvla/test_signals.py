import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

Worker = subprocess.Popen[str]


def start(code: str) -> Worker:
    """A process that installs the handlers, runs the code, and says `ready` where it may be signalled."""
    program = f"from depthvla.runtime import signals; signals.install(); import sys, signal\n{code}"
    return subprocess.Popen(
        [sys.executable, "-u", "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.kill()
        worker.communicate()


def line(worker: Worker) -> str:
    assert worker.stdout
    return worker.stdout.readline().strip()


def test_sigterm_with_nothing_to_save_ends_with_75_at_once(workers: list[Worker]) -> None:
    workers.append(w := start("print('ready'); signal.pause(); print('still here')"))
    assert line(w) == "ready"
    w.send_signal(signal.SIGTERM)
    assert w.wait(60) == 75
    assert line(w) == ""


def test_a_second_sigterm_while_python_winds_up_changes_nothing(workers: list[Worker]) -> None:
    code = """
class Late:
    def __del__(self, pause=__import__('time').sleep):
        print('late'); pause(2)
import builtins
builtins.late = Late()
print('ready'); signal.pause()
"""
    workers.append(w := start(code))
    assert line(w) == "ready"
    w.send_signal(signal.SIGTERM)
    assert line(w) == "late"
    w.send_signal(signal.SIGTERM)
    assert w.wait(60) == 75


def test_sigterm_while_there_is_work_to_save_waits_for_the_worker(workers: list[Worker]) -> None:
    code = """
with signals.held():
    print('ready'); sys.stdin.readline()
    print('asked' if signals.stop_asked() else 'not asked')
    signals.stop_here()
print('not reached')
"""
    workers.append(w := start(code))
    assert line(w) == "ready"
    w.send_signal(signal.SIGTERM)
    assert w.stdin
    w.stdin.write("go\n")
    w.stdin.flush()
    assert line(w) == "asked"
    assert w.wait(60) == 75
    assert line(w) == ""


def test_sigterm_is_answered_within_the_grace_even_from_where_no_handler_runs(workers: list[Worker]) -> None:
    code = """
import ctypes
signals.leave_in_time(2.0, print)
with signals.held():
    print('ready'); ctypes.CDLL(None).pause(); ctypes.CDLL(None).sleep(3600)
"""
    workers.append(w := start(code))
    assert line(w) == "ready"
    w.send_signal(signal.SIGTERM)
    assert w.wait(60) == 75
    assert "asked to stop" in line(w)


def test_sigusr1_asks_for_one_save(workers: list[Worker]) -> None:
    code = "print('ready'); sys.stdin.readline(); print(signals.take_save_asked(), signals.take_save_asked())"
    workers.append(w := start(code))
    assert line(w) == "ready"
    w.send_signal(signal.SIGUSR1)
    out, _ = w.communicate("go\n", timeout=60)
    assert out.strip() == "True False"


def test_sigusr2_dumps_the_stacks_of_all_threads_and_goes_on(workers: list[Worker]) -> None:
    code = """
import threading
wait = threading.Event()
def in_a_thread(): wait.wait()
threading.Thread(target=in_a_thread, daemon=True).start()
print('ready'); sys.stdin.readline(); print('on')
"""
    workers.append(w := start(code))
    assert line(w) == "ready"
    w.send_signal(signal.SIGUSR2)
    out, err = w.communicate("go\n", timeout=60)
    assert out.strip() == "on"
    assert "in_a_thread" in err
    assert "Current thread" in err


def test_the_handlers_stand_before_anything_heavy_is_imported() -> None:
    code = "import sys; import depthvla.runtime.signals; print({'torch', 'numpy', 'obstore'} & {*sys.modules})"
    made = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == "set()"
