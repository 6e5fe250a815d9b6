"""The stage in this process, on datasets of every layout."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depthvla.data.lerobot_v21_writer import write_lerobot_v21
from depthvla.data.lerobot_writer import LeRobotWriter
from depthvla.data.libero import write_libero
from depthvla.data.recording import Recording
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds
from depthvla.data.truth import to_millimetres, write_truth
from depthvla.labels.gates import Thresholds
from depthvla.labels.labellers.truth import SimulatorDepth
from depthvla.labels.labelling import Labelling, Rules, size_of
from depthvla.labels.quality import read_quality
from depthvla.labels.reading import open_recordings
from depthvla.labels.sidecar import cameras_of, open_clip, to_metres
from depthvla.model.depth import DepthExpert
from depthvla.model.files import save_model
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import Job, read_job
from depthvla.runtime.stage import find_stage
from small_model import SMALL

RNG = np.random.default_rng(0)
FRONT = "observation.images.front"


def job_of(directory: Path, config: dict[str, Any], inputs: dict[str, Path], shard: int = 0, shards: int = 1) -> Job:
    directory.mkdir()
    bound = {name: {"path": str(path), "format": None, "digest": "0"} for name, path in inputs.items()}
    body = {
        "protocol": 1, "attempt": "a", "job": "k" * 64, "stage": "labels", "shard": shard, "shards": shards, "fence": 1,
        "command": [], "code": "/code", "entry": "label_depth", "config": config, "inputs": bound, "outputs": [],
        "ranks": 1, "cores": 2, "gpus": [], "store": {"url": f"file://{directory}/store"}, "prefix": "jobs/k/s0/1",
        "resume": [], "checkpoint": {"every": None}, "grace": 30,
    }  # fmt: skip
    (directory / "job.json").write_text(json.dumps(body))
    return read_job(directory, {})


def events(job: Job, kind: str) -> list[dict[str, Any]]:
    lines = (job.directory / "events.0.jsonl").read_text().splitlines()
    return [e for e in map(json.loads, lines) if e["type"] == kind]


def recording(frames: int, cameras: tuple[str, ...] = ("front",), size: tuple[int, int] = (16, 24)) -> Recording:
    images = {c: np.repeat(RNG.integers(0, 256, (1, *size, 3), dtype=np.uint8), frames, 0) for c in cameras}
    state = RNG.uniform(-0.5, 0.5, (frames, 8)).astype(np.float32)
    return Recording("open it", images, state, np.tanh(state[:, :7]))


def narrow(one: Recording) -> Recording:
    """With a state as wide as BridgeData's."""
    return replace(one, state=one.state[:, :7])


def write(folder: Path, layout: str, lengths: tuple[int, ...]) -> tuple[str, ...]:
    """A dataset; its cameras."""
    cameras = {"libero": ("agentview_rgb", "eye_in_hand_rgb"), "rlds": ("image_0",)}.get(layout, ("front", "wrist"))
    recordings = [recording(n, cameras) for n in lengths]
    names = [f"s{i}" for i in range(8)], [f"a{i}" for i in range(7)]
    match layout:
        case "libero":
            write_libero(folder, [recordings])
        case "rlds":
            write_rlds(folder, "bridge", [narrow(one) for one in recordings], BRIDGE_FORMAT)
        case "v2.1":
            write_lerobot_v21(folder, recordings, fps=10, robot="arm", state_names=names[0], action_names=names[1])
        case _:
            writer = LeRobotWriter(folder, 10, cameras, "arm", *names)
            for each in recordings:
                writer.add(each)
            writer.close()
    return cameras if layout in ("libero", "rlds") else tuple(f"observation.images.{c}" for c in cameras)


@pytest.fixture
def labeller(tmp_path: Path) -> Path:
    save_model(tmp_path / "labeller", "depth-expert", SMALL, DepthExpert(SMALL).state_dict())
    return tmp_path / "labeller"


@pytest.mark.parametrize("layout", ["v3", "v2.1", "rlds", "libero"])
def test_every_layout_is_labelled_camera_by_camera_whole_recordings_in_the_pictures_shape(
    layout: str, labeller: Path, tmp_path: Path
) -> None:
    cameras = write(tmp_path / "data", layout, (5, 3, 4))
    job = job_of(
        tmp_path / "job",
        {"batch_size": 2, "size": 8, "like": "bridge" if layout == "rlds" else ""},
        {"demos": tmp_path / ("data/bridge/1.0.0" if layout == "rlds" else "data"), "labeller": labeller},
    )
    find_stage("label_depth").run(job)
    folder = job.output("labels")
    assert cameras_of(folder) == sorted(cameras)
    for camera in cameras:
        for episode, frames in enumerate((5, 3, 4)):
            clip = open_clip(folder, episode, camera)
            assert clip.depth.all().shape == (frames, 8, 12)
            assert clip.about.quality["share"] == pytest.approx(8 / 12, abs=1e-5)
    about = json.loads((folder / "labels.json").read_text())
    assert about["labeller"]["sha256"] == clip.about.labeller
    assert about["labeller"]["models"] == list(clip.about.models)
    (done,) = events(job, "done")
    assert done["metrics"] == {"label.flagged": {"k": 0, "n": 3 * len(cameras)}}
    assert "limited by" in done["summary"]
    assert {m["name"] for m in events(job, "metric")} >= {"time.waits_for_reading", "time.frames_per_second"}


def test_of_several_cameras_only_those_asked_for(labeller: Path, tmp_path: Path) -> None:
    write(tmp_path / "data", "libero", (3,))
    inputs = {"demos": tmp_path / "data", "labeller": labeller}
    job = job_of(tmp_path / "job", {"cameras": ["eye_in_hand_rgb"]}, inputs)
    find_stage("label_depth").run(job)
    assert cameras_of(job.output("labels")) == ["eye_in_hand_rgb"]
    wrong = job_of(tmp_path / "wrong", {"like": "galaxea"}, inputs)
    with pytest.raises(WorkerError, match="nothing is known of 'galaxea' as libero"):
        find_stage("label_depth").run(wrong)


def test_depth_that_a_dataset_has_scores_the_labels(labeller: Path, tmp_path: Path) -> None:
    true = RNG.uniform(500, 3000, (4, 16, 24)).astype(np.uint16)
    true[:, :4] = 0
    one = replace(recording(4), depth={"front_depth": true})
    names = [f"s{i}" for i in range(8)], [f"a{i}" for i in range(7)]
    write_lerobot_v21(tmp_path / "data", [one], fps=10, robot="arm", state_names=names[0], action_names=names[1])
    config = {"cameras": [FRONT], "depth_cameras": ["observation.images.front_depth"], "size": 8}
    job = job_of(tmp_path / "job", config, {"demos": tmp_path / "data", "labeller": labeller})
    find_stage("label_depth").run(job)
    made = to_metres(open_clip(job.output("labels"), 0).depth.all())
    metres = true[:, 1::2, 1::2] / 1000
    both = (metres > 0) & (made > 0)
    error = np.where(both, np.abs(made - metres) / np.where(metres > 0, metres, 1), 0).sum((1, 2)) / both.sum((1, 2))
    metrics = events(job, "done")[0]["metrics"]
    assert metrics["label.absrel"] == pytest.approx(error.mean(), rel=1e-4)
    assert metrics["label.coverage"] == {"k": int(both.sum()), "n": int((metres > 0).sum())}
    assert metrics["label.affine_aligned.delta3"]["n"] == int(both.sum())


@pytest.mark.parametrize(("config", "message"), [
    ({"labeller": "fused"}, "needs the input `metric_labeller`"),
    ({"model": "a/b@main"}, "both an input and 'a/b@main' of the hub"),
    ({"labeller": "depth-anything-v2"}, "model_type is None, expected 'depth_anything'"),
    ({"cameras": [FRONT], "depth_cameras": ["depth"]}, "not 'depth'"),
])  # fmt: skip
def test_a_labeller_that_cannot_be_had_is_named(
    config: dict[str, Any], message: str, labeller: Path, tmp_path: Path
) -> None:
    write(tmp_path / "data", "v3", (2,))
    job = job_of(tmp_path / "job", config, {"demos": tmp_path / "data", "labeller": labeller})
    with pytest.raises(WorkerError) as caught:
        find_stage("label_depth").run(job)
    assert message in caught.value.message


def wall(*metres: float) -> np.ndarray:
    return np.repeat(np.array(metres, np.float32), 16 * 16).reshape(-1, 16, 16)


Run = Callable[..., tuple[Labelling, Job]]


@pytest.fixture
def by_truth(tmp_path: Path) -> Run:
    """Labels with what was measured, so that a test decides what the labels are."""
    lengths = (4, 4, 4, 4)
    depth = np.concatenate([wall(1, 1, 1, 1), wall(1, 2, 1, 2), wall(2, 2, 2, 2), wall(3, 3, 3, 3)])
    depth[-4:, :10] = 0
    writer = LeRobotWriter(tmp_path / "demos", 10, ["front"], "arm", ["x"], ["y"])
    for n in lengths:
        one = recording(n, size=(16, 16))
        writer.add(Recording("open it", one.images, one.state[:, :1], one.action[:, :1]))
    writer.close()
    write_truth(
        tmp_path / "truth", to_millimetres(depth), intrinsics=np.eye(3, dtype=np.float32),
        camera_to_world=np.eye(4, dtype=np.float32), placement=np.arange(4),
    )  # fmt: skip

    def run(flagged_share: float, leave_out: bool = False, **limits: float) -> tuple[Labelling, Job]:
        job = job_of(tmp_path / "job", {}, {"demos": tmp_path / "demos", "truth": tmp_path / "truth"})
        source = open_recordings(tmp_path / "demos", [], [], "")
        truth = SimulatorDepth(tmp_path / "truth", source)
        rules = Rules(0, 3, 0, Thresholds(**limits), leave_out, flagged_share, 0)
        work = Labelling(job, source, truth, truth, rules)
        work.run()
        work.finish()
        return work, job

    return run


def test_flagged_clips_are_listed_with_pictures_and_can_be_left_without_labels(by_truth: Run) -> None:
    work, job = by_truth(0.5, leave_out=True)
    quality = read_quality(work.folder)
    assert [(row["episode"], row["flags"]) for row in quality["flagged"]] == [
        (1, ["depth flickers by 0.69 where nothing moves, more than 0.1"]),
        (3, ["38% of the pixels have a depth, less than 50%"]),
    ]
    assert quality["clips"] == 4
    shown = [e for e in events(job, "sample") if e["name"].startswith("flagged.")]
    assert [e["name"] for e in shown] == [f"flagged.1.{FRONT}", f"flagged.3.{FRONT}"]
    assert "flickers by 0.69" in shown[0]["caption"]
    assert all((job.directory / e["path"]).is_file() for e in shown)
    assert not open_clip(work.folder, 1).depth.all().any()
    assert open_clip(work.folder, 2).depth.all().all()
    metrics = events(job, "done")[0]["metrics"]
    assert metrics["label.flagged"] == {"k": 2, "n": 4}
    # Of 4 clips of 4 x 256 pixels the last has 96 a frame; two clips have no labels any more.
    assert metrics["label.coverage"] == {"k": 2 * 4 * 256, "n": 3 * 4 * 256 + 4 * 96}
    assert metrics["label.absrel"] == 0


def test_flagged_clips_keep_their_labels_unless_told_otherwise(by_truth: Run) -> None:
    work, _ = by_truth(0.5)
    assert open_clip(work.folder, 1).depth.all().all()
    assert open_clip(work.folder, 1).about.quality["flags"]


def test_too_many_flagged_clips_fail_the_job_and_say_what_to_do(by_truth: Run) -> None:
    with pytest.raises(WorkerError, match=r"2 of 4 clips are flagged, more than 0\.4 of them") as caught:
        by_truth(0.4)
    assert caught.value.code == "LABELS_POOR"
    assert caught.value.exit_code == 65


def test_thresholds_are_settings(by_truth: Run) -> None:
    work, _ = by_truth(0, min_share=0.3, max_flicker=0.7)
    assert read_quality(work.folder)["flagged"] == []
    assert read_quality(work.folder)["thresholds"]["max_flicker"] == 0.7


def test_a_broken_episode_is_left_out_and_named_and_too_many_are_an_error(labeller: Path, tmp_path: Path) -> None:
    write(tmp_path / "data", "v2.1", (3, 3, 3))
    (tmp_path / "data/data/chunk-000/episode_000001.parquet").write_bytes(b"rubbish")
    inputs = {"demos": tmp_path / "data", "labeller": labeller}
    job = job_of(tmp_path / "job", {"broken_share": 0.5, "batch_size": 2}, inputs)
    find_stage("label_depth").run(job)
    assert "episode_000001.parquet" in events(job, "warning")[0]["message"]
    assert sorted(p.name for p in job.output("labels").rglob("*.zip")) == 2 * ["episode-000000.zip"] + 2 * [
        "episode-000002.zip"
    ]
    with pytest.raises(WorkerError, match="1 of 3 episodes are broken"):
        find_stage("label_depth").run(job_of(tmp_path / "strict", {}, inputs))


def test_labels_have_the_picture_s_view_and_its_shorter_side_the_asked_for_length() -> None:
    assert size_of((480, 640), 224) == (224, 299)
    assert size_of((720, 1280), 0) == (720, 1280)
    assert size_of((96, 96), 96) == (96, 96)
