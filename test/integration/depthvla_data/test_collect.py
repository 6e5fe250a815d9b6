import os
import signal
from pathlib import Path

import numpy as np

from depthvla.data.files import read_matrix
from depthvla.data.rgbd_file import open_rgbd
from depthvla.data.rgbd_stream import RgbdSettings, RgbdStream
from depthvla.data.truth import load_truth
from whole_dataset import read_whole

DEMOS = {"episodes_per_task": 2, "size": 48}


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_demonstrations_are_the_same_bytes_with_one_process_and_with_two(start) -> None:  # type: ignore[no-untyped-def]
    one, two = start("one", "collect_demos", DEMOS, cores=1), start("two", "collect_demos", DEMOS, cores=2)
    assert (one.wait(), two.wait()) == (0, 0), one.stderr() + two.stderr()
    for output in ("demos", "depth"):
        assert files(one.output(output)) == files(two.output(output))
    demos = read_whole(two.output("demos"))
    truth = load_truth(two.output("depth"), 48)
    assert demos.episode.max() == 3
    assert demos.instructions == ["press the button from above", "open the drawer"]
    assert truth.shape == demos.images.shape[:3]
    assert np.abs(demos.action).max() <= 1
    (done,) = two.events("done")
    assert done["metrics"]["demos.episodes"] == 4
    progress = two.events("progress")
    assert [event["step"] for event in progress] == [1, 2, 3, 4]
    # Those of a wave come at once, which is no measure for the next wave.
    assert len(two.events("busy")) == 3
    for sample in two.events("sample"):
        assert (two.directory / sample["path"]).stat().st_size > 0


def test_scenes_are_written_in_both_layouts_and_read_back_by_the_readers(start) -> None:  # type: ignore[no-untyped-def]
    config = {"frames": 44, "frames_per_scene": 2, "width": 64, "height": 48, "tasks": ["drawer-open-v3"]}
    attempt = start("scenes", "collect_scenes", config)
    assert attempt.wait() == 0, attempt.stderr()
    scenes = attempt.output("scenes")
    stream = RgbdStream(open_rgbd(scenes), RgbdSettings(size=32))
    frames = [*stream.some("train", 100), *stream.some("heldout", 100)]
    assert [len(list(stream.some(split, 100))) for split in ("train", "heldout")] == [40, 4]
    # Both halves show the same tables from the same range of distances.
    depth = {name: np.stack([f.view.depth for f in frames if f.dataset == name]) for name in ("scannet", "hypersim")}
    assert {name: len(of) for name, of in depth.items()} == {"scannet": 22, "hypersim": 22}
    medians = [np.median(of[of > 0]) for of in depth.values()]
    assert 0.6 < medians[0] / medians[1] < 1.6
    # A pose puts what the camera sees where the table is: between the floor and a metre above it.
    pose = read_matrix(scenes / "scannet/scene0000_00/pose/0.txt")
    assert np.isfinite(pose).all()
    first = frames[0].view
    assert frames[0].source.endswith("scene0000_00/color/0.jpg")
    ray = np.linalg.inv(first.intrinsics) @ (16, 16, 1)
    point = pose[:3, :3] @ (ray * first.depth[16, 16]) + pose[:3, 3]
    assert -1 < point[2] < 1


def test_a_task_that_is_not_there_fails_with_its_name_and_no_stack_trace(start) -> None:  # type: ignore[no-untyped-def]
    attempt = start("wrong", "collect_demos", {"tasks": ["fly-v3"]})
    assert attempt.wait() == 78
    (failed,) = attempt.events("failed")
    assert failed["code"] == "TASK_UNKNOWN"
    assert "fly-v3" in failed["message"]
    assert "Traceback" not in attempt.stderr()


def test_sigterm_ends_it_with_75_and_leaves_no_process_behind(start) -> None:  # type: ignore[no-untyped-def]
    attempt = start("stopped", "collect_demos", {"episodes_per_task": 500, "size": 48})
    events = attempt.directory / "events.0.jsonl"
    while not (events.exists() and '"progress"' in events.read_text()):
        assert attempt.process.poll() is None, attempt.stderr()
        # The events file is the only sign; there is no handle to wait on.
        signal.sigtimedwait([], 0.05)
    children = Path(f"/proc/{attempt.process.pid}/task/{attempt.process.pid}/children").read_text().split()
    assert len(children) >= 2
    attempt.process.send_signal(signal.SIGTERM)
    assert attempt.wait() == 75
    assert not any(running(int(child)) for child in children)
    assert not attempt.events("done")


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
