"""`python -m depthvla`: one rank of one attempt. Reads job.json, runs the entry, says how it ended."""

from depthvla.runtime import signals

signals.install()

import os  # noqa: E402
import platform  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402
from pathlib import Path  # noqa: E402

from depthvla.runtime.failure import TRY_AGAIN, USAGE, WorkerError, disk_full, is_by_full_disk  # noqa: E402
from depthvla.runtime.job import Job, read_job  # noqa: E402
from depthvla.runtime.sinks import open_sinks  # noqa: E402
from depthvla.runtime.stage import find_stage  # noqa: E402


def main() -> int:
    """Runs the attempt in `$ORCHESTRATE_ATTEMPT_DIR`; returns the exit code."""
    directory = os.environ.get("ORCHESTRATE_ATTEMPT_DIR")
    if not directory:
        print("ORCHESTRATE_ATTEMPT_DIR is not set: a worker is started by `orchestrate`", file=sys.stderr)
        return USAGE
    try:
        job = read_job(Path(directory))
    except WorkerError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return error.exit_code
    signals.leave_in_time(job.grace, job.events.warning)
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    job.events.hello(device=f"cuda:{gpu}" if gpu else f"cpu {platform.machine()}", world=job.world)
    try:
        job.events.sinks = open_sinks(job)
        find_stage(job.entry).run(job)
    except BaseException as error:
        return report(job, error)
    finally:
        job.events.sinks.close()
    return 0


def report(job: Job, error: BaseException) -> int:
    """Says what went wrong; returns the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if signals.stop_asked() and not isinstance(error, WorkerError):
        # The other ranks were told to stop too: a collective that breaks now is theirs ending before ours.
        traceback.print_exception(error)
        return TRY_AGAIN
    failure = name(job, error)
    if failure is not error:
        traceback.print_exception(error)
    else:
        print(f"{failure.code}: {failure.message}", file=sys.stderr)
    try:
        job.events.failed(failure.code, failure.message, failure.hint)
    except WorkerError as full:
        print(f"{full.code}: {full.message}", file=sys.stderr)
    return failure.exit_code


def name(job: Job, error: BaseException) -> WorkerError:
    """Gives an exception that nobody named the name of its kind."""
    if isinstance(error, WorkerError):
        return error
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        message = f"rank {job.rank}: {error or 'out of memory'}"
        return WorkerError("OUT_OF_MEMORY", message, hint="use a smaller batch size", exit_code=1)
    if is_by_full_disk(error):
        return disk_full(f"rank {job.rank}")
    return WorkerError("CRASHED", f"{type(error).__name__}: {error}", exit_code=1)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
