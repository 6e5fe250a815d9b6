"""Input that can't be right, as stages meet it: an error that names file and field, or a skip that is counted and
told. (Serving's own are in test_policy and test_serve, those of each format in depthvla_data.)"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depthvla.check import main as check
from depthvla.data.lerobot_v21_writer import write_lerobot_v21
from depthvla.data.libero import CAMERAS, write_libero
from depthvla.data.recording import Recording
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds
from depthvla.data.scannet import write_scannet_frame, write_scannet_lists
from depthvla.evaluation.fit import read_policy
from depthvla.labels.sidecar import About, write_clip
from depthvla.model.config import ModelConfig
from depthvla.model.depth import DepthExpert
from depthvla.model.files import save_model
from depthvla.model.policy import Policy
from depthvla.model.presets import PRESETS
from depthvla.runtime.config import read_config
from depthvla.runtime.failure import CONFIG, DATA_ERROR, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.stage import find_stage
from depthvla.stages import train_vla
from depthvla.training.policy import read_data
from jobs_here import make_job, warnings
from random_policy import write_random_policy

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
FRAMES, EPISODES = 4, 4
QUICK: dict[str, Any] = {"steps": 1, "batch_size": 2, "noise_draws": 1, "horizon": 2}
Folder = Callable[[Path], Path]


def record(number: int, cameras: tuple[str, ...] = ("front",), state: int = 3, action: int = 2) -> Recording:
    grey = np.repeat(20 * number + 8 * np.arange(FRAMES), 16 * 16 * 3).reshape(FRAMES, 16, 16, 3).astype(np.uint8)
    rng = np.random.default_rng(number)
    vectors = [rng.normal(size=(FRAMES, width)).astype(np.float32) for width in (state, action)]
    return Recording("open it", dict.fromkeys(cameras, grey), *vectors)


def write(folder: Path, recordings: list[Recording]) -> Path:
    names = [[f"{kind}{i}" for i in range(getattr(recordings[0], kind).shape[1])] for kind in ("state", "action")]
    write_lerobot_v21(folder, recordings, fps=10, robot="arm", state_names=names[0], action_names=names[1])
    return folder


def last_one(**changes: Any) -> Folder:
    """A dataset whose last episode is another."""

    def make(folder: Path) -> Path:
        good = [record(i) for i in range(EPISODES)]
        return write(folder, [*good[:-1], replace(good[-1], **changes)])

    return make


def halved(pattern: str, make: Folder) -> Folder:
    """A dataset of which half a file was written."""

    def cut(folder: Path) -> Path:
        made = make(folder)
        path = max(made.glob(pattern))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return made

    return cut


def write_bridge(folder: Path) -> Path:
    return write_rlds(
        folder, "bridge", [record(i, ("image_0",), 7, 7) for i in range(EPISODES)], BRIDGE_FORMAT, shards=2
    )


def write_two_files(folder: Path) -> Path:
    for number, said in enumerate(("open", "shut")):
        write_libero(folder, [[replace(record(number, CAMERAS, 8, 7), instruction=said)] * 2])
    return folder


NAN = np.full((FRAMES, 2), np.nan, np.float32)
LONG = "open the upper drawer of the cupboard beside the window and then close it again slowly"
LAST = "episode_000003"


@dataclass(frozen=True)
class Broken:
    """What is wrong with a dataset, and how it is put by whom it concerns; None: by nobody."""

    make: Folder
    train: str | None
    statistics: str | None
    check: str | None
    format: str = "lerobot"


BROKEN = {
    "NaN in actions": Broken(
        last_one(action=NAN), *[f"{LAST}.parquet: episode 3: action is nan at frame 0, dimension 0"] * 3
    ),
    "another action width": Broken(
        last_one(action=np.zeros((FRAMES, 3), np.float32)),
        *[f"{LAST}.parquet: episode 3: action has 3 dimensions, those of the first 2"] * 2,
        f"{LAST}.parquet: episode 3: an action is [3], the first [2]",
    ),
    "an instruction longer than the context": Broken(
        last_one(instruction=LONG),
        f"{LAST}.parquet: episode 3: the instruction is too long: 'open the upper", None, None,
    ),
    "pictures of another size": Broken(
        last_one(images={"front": np.zeros((FRAMES, 32, 16, 3), np.uint8)}),
        None, None, f"{LAST}.parquet: episode 3: picture 0: {FRONT} is [32, 16, 3], the first [16, 16, 3]",
    ),
    "half a table": Broken(halved("data/*/*", last_one()), *[f"{LAST}.parquet: not a parquet file"] * 3),
    "half a video": Broken(
        halved("videos/*/*/*", last_one()), f"{LAST}.mp4: not a video", None, f"{LAST}.mp4: not a video"
    ),
    "half a shard of RLDS": Broken(
        halved("*.tfrecord*", write_bridge), *["tfrecord-00001-of-00002: record 0 is cut off at byte"] * 3, "rlds"
    ),
    "half a file of LIBERO's": Broken(
        halved("*.hdf5", write_two_files), *["shut_demo.hdf5: not a file of LIBERO's"] * 3, "libero"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_episode_is_skipped_counted_and_named_and_too_many_are_an_error(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = BROKEN[name]
    folder = broken.make(tmp_path / "demos")

    def train(share: float) -> Job:
        job = make_job(tmp_path / f"train-{share}", "train_vla", {**QUICK, "bad_share": share}, {"demos": folder})
        mixture = read_data(job, read_config(train_vla.Config, job.config)).demonstrations.mixture
        drawn = [mixture.sample(k) for k in range(FRAMES * EPISODES)]
        assert len(drawn) == FRAMES * EPISODES
        return job

    def statistics(share: float) -> Job:
        job = make_job(tmp_path / f"s-{share}", "compute_statistics", {"bad_share": share}, {"demos": folder})
        find_stage("compute_statistics").run(job)
        return job

    for stage, said in ((train, broken.train), (statistics, broken.statistics)):
        skipped = [line for line in warnings(stage(0.4)) if "skipped" in line]
        if said is None:
            assert not skipped
            continue
        assert len(skipped) == 1
        assert said in skipped[0]
        with pytest.raises(WorkerError, match=r": 1 of \d episodes are broken, more than 0.1") as caught:
            stage(0.1)
        assert caught.value.exit_code == DATA_ERROR
        assert "`bad_share` allows more" in str(caught.value.hint)
    assert check([broken.format, str(folder)]) == (0 if broken.check is None else DATA_ERROR)
    assert broken.check is None or broken.check in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "said"), [(last_one(action=NAN), "action is nan"), (halved("videos/*/*/*", last_one()), "not a video")]
)
def test_labelling_leaves_broken_episodes_out_by_its_own_share(
    make: Folder, said: str, tmp_path: Path, small: ModelConfig
) -> None:
    save_model(tmp_path / "labeller", "depth-expert", small, DepthExpert(small).state_dict())
    inputs = {"demos": make(tmp_path / "demos"), "labeller": tmp_path / "labeller"}
    gates = {"min_share": 0, "max_flicker": 100, "batch_size": FRAMES}
    job = make_job(tmp_path / "job", "label_depth", {**gates, "broken_share": 0.4}, inputs)
    find_stage("label_depth").run(job)
    (warning,) = warnings(job)
    assert LAST in warning
    assert said in warning
    with pytest.raises(WorkerError, match="1 of 4 episodes are broken") as caught:
        find_stage("label_depth").run(make_job(tmp_path / "strict", "label_depth", gates, inputs))
    assert "`broken_share` allows more" in str(caught.value.hint)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What settings are tried on: demonstrations, some with depth, labels, statistics, models, a folder of nothing."""
    root = tmp_path_factory.mktemp("bad")
    write(root / "demos", [record(i) for i in range(2)])
    depth = np.full((FRAMES, 16, 16), 1000, np.uint16)
    write(root / "deep", [replace(record(0, ("front", "wrist")), depth={"front_depth": depth})])
    write(root / "two", [record(0, ("front", "wrist"))])
    for name, camera, value in (("labels", FRONT, 1000), ("wrist", WRIST, 1000), ("empty", FRONT, 0)):
        for episode in range(2):
            write_clip(root / name, episode, camera, np.full((FRAMES, 16, 16), value, np.uint16), About("a"))
    for name, other in (("cameras", record(0, ("top",))), ("widths", record(0, action=3))):
        write(root / name / "one", [record(0)])
        write(root / name / "other", [other])
        datasets = [{"path": "one"}, {"path": "other"}]
        (root / name / "mixture.json").write_text(json.dumps({"datasets": datasets}))
    (root / "policies").mkdir()
    tiny = replace(PRESETS["tiny"], state=3, actions=2)
    write_random_policy(root / "policies/tiny", tiny)
    write_random_policy(root / "policies/wide", replace(tiny, vlm=replace(tiny.vlm, mlp=64)))
    save_model(root / "expert", "depth-expert", tiny, DepthExpert(tiny).state_dict())
    small = replace(tiny, depth_vision=replace(tiny.depth_vision, patch=8))
    save_model(root / "finer", "depth-expert", small, DepthExpert(small).state_dict())
    find_stage("compute_statistics").run(
        make_job(root / "widths", "compute_statistics", {}, {"demos": root / "widths/other"})
    )
    return root


@pytest.mark.parametrize(
    ("config", "inputs", "code", "said"),
    [
        ({"depth_cameras": 2}, {}, "MODEL_INVALID", "depth_cameras: depth from 2 cameras, of 1"),
        ({"depth_pool": 4}, {}, "MODEL_INVALID", "depth_pool: 6 × 6 tokens of depth don't divide into 4 × 4"),
        ({"depth_layers": 9}, {}, "MODEL_INVALID", "depth.layers: the expert has 9 layers, the mixture 4"),
        ({}, {"policy": "policies/tiny", "paligemma": "expert"}, "CONFIG_INVALID", "a policy, and paligemma would be"),
        ({}, {"policy": "policies/tiny", "depth_expert": "expert"}, "CONFIG_INVALID", "a policy, and depth_expert"),
        ({"depth_input": "measured"}, {}, "MIXTURE_INVALID", f"no dataset has depth .* of the cameras .*{FRONT}"),
        ({"depth_labels": "measured"}, {}, "MIXTURE_INVALID", "no dataset has depth of its own"),
        ({"depth_input": "measured", "depth_cameras": 2}, {"demos": "deep"}, "CONFIG_INVALID",
         f"depth_cameras: the depth expert sees {FRONT}, {WRIST}, and there is depth of {FRONT} only"),
        ({}, {"demos": "two", "labels": "wrist"}, "CONFIG_INVALID",
         f"depth_cameras: the depth expert sees {FRONT}, and there is depth of {WRIST} only"),
        ({"depth_input": "measured", "depth_expert": False}, {}, "CONFIG_INVALID", "depth_input: .* `depth_expert` is"),
        ({}, {"labels-other": "labels"}, "LABELS_INVALID", "labels of other, but the datasets are demos"),
        ({}, {"labels": "labels", "labels-demos": "labels"}, "CONFIG_INVALID", "`labels` is bound, and labels-demos"),
        ({"like": "galaxea"}, {}, "DATA_BROKEN", "info.json: features has the cameras .*front.*, not"),
        ({"like": "droid"}, {}, "CONFIG_INVALID", "like: expected one of"),
        ({"micro_batch_size": 3}, {}, "BATCH_INVALID", "batch_size 2 is no multiple of micro_batch_size 3 × 1 ranks"),
        ({"pretrained": ["vlm", "vmm"]}, {}, "PART_UNKNOWN", "pretrained: this model has no part 'vmm'"),
        ({}, {"statistics": "widths/outputs/statistics"}, "STATISTICS_INVALID",
         "statistics.json: action has 3 dimensions, that of the demonstrations 2"),
        ({}, {"statistics": "demos"}, "STATISTICS_INVALID", "demos/statistics.json can't be read: .*no such file"),
        ({}, {"demos": "cameras"}, "MIXTURE_INVALID", f"other: cameras are .*top.*, those of one .*{FRONT}"),
        ({}, {"demos": "widths"}, "MIXTURE_INVALID", "other: action has 3 dimensions, that of one 2"),
        ({}, {"depth_expert": "finer"}, "PRESET_MISMATCH",
         r"finer: encoder.position has shape \[144, 128\], expected \[36, 128\]"),
        ({}, {"depth_expert": "policies/tiny"}, "MODEL_INVALID", "tiny holds a depthvla-policy, a depth-expert"),
        ({}, {"policy": "policies/wide"}, "PRESET_MISMATCH",
         r"policies/wide: vlm.expert.layers.0.*mlp.up.weight has shape \[128, 128\], expected \[512, 128\]"),
        ({}, {"paligemma": "expert"}, "WEIGHTS_INVALID", "expert/config.json: no PaliGemma of this size: model_type"),
        ({"preset": "paper"}, {}, "TOKENIZER_INVALID", "this preset needs PaliGemma's tokenizer.json"),
        ({}, {"scenes": "demos"}, "DATA_BROKEN", "demos: no pictures with depth in it"),
        ({}, {"demos": "expert"}, "DATA_BROKEN", "expert: neither a LeRobotDataset nor RLDS nor LIBERO"),
    ],
)  # fmt: skip
def test_train_vla_names_what_does_not_go_together(
    place: Path, tmp_path: Path, config: dict[str, Any], inputs: dict[str, str], code: str, said: str
) -> None:
    bound = {name: place / at for name, at in {"demos": "demos", **inputs}.items()}
    with pytest.raises(WorkerError, match=said) as caught:
        find_stage("train_vla").run(make_job(tmp_path, "train_vla", {**QUICK, **config}, bound))
    assert caught.value.code == code
    assert caught.value.exit_code in (CONFIG, DATA_ERROR)


def test_pictures_without_any_depth_are_counted(place: Path, tmp_path: Path) -> None:
    inputs = {"demos": place / "demos", "labels": place / "empty"}
    job = make_job(tmp_path, "train_vla", QUICK, inputs)
    find_stage("train_vla").run(job)
    assert warnings(job) == [
        "2 of 2 pictures of demonstrations had no pixel of known depth: they counted nothing in what is learnt of depth"
    ]


def test_units_that_differ_between_datasets_are_doubted(tmp_path: Path) -> None:
    good = record(0)
    write(tmp_path / "one", [good])
    write(tmp_path / "other", [replace(good, action=good.action * 1000)])
    (tmp_path / "mixture.json").write_text(json.dumps({"datasets": [{"path": "one"}, {"path": "other"}]}))
    job = make_job(tmp_path / "job", "train_vla", QUICK, {"demos": tmp_path})
    read_data(job, read_config(train_vla.Config, job.config))
    assert "action, dimension 1: spans 1.72e+03 in other and 1.72 in one: are they in the same unit?" in warnings(job)


def test_a_mixture_is_not_labelled_as_one(place: Path, tmp_path: Path) -> None:
    inputs = {"demos": place / "cameras", "labeller": place / "expert"}
    with pytest.raises(WorkerError, match=r"mixture.json: a mixture is labelled dataset by dataset"):
        find_stage("label_depth").run(make_job(tmp_path, "label_depth", {}, inputs))


@pytest.mark.parametrize("stage", ["train_vla", "depth_pretrain"])
@pytest.mark.parametrize(
    ("metres", "width", "said"),
    [
        (0, 16, "s0/depth/0.png: no pixel has a measured depth"),
        (0.002, 16, "s0/depth/0.png: half of all depths are below 0.002 m: in metres, where millimetres"),
        (1, 32, "s0/depth/0.png: 16 x 16 pixels of depth, the picture has 32 x 16: not the same view"),
    ],
)
def test_depth_that_can_not_be_is_a_broken_frame(
    place: Path, tmp_path: Path, stage: str, metres: float, width: int, said: str
) -> None:
    inner = np.array([[20, 0, width / 2], [0, 20, 8], [0, 0, 1]], np.float32)
    for scene in ("s0", "s1"):
        picture, depth = np.full((16, width, 3), 90, np.uint8), np.full((16, 16), metres, np.float32)
        write_scannet_frame(tmp_path / "scannet" / scene, 0, picture, depth, inner, np.eye(4, dtype=np.float32))
    write_scannet_lists(tmp_path / "scannet", {"train": ["s0"], "heldout": ["s1"]})
    config = {**QUICK, "scene_batch_size": 2} if stage == "train_vla" else {"steps": 1, "batch_size": 2}
    inputs = {"scenes": tmp_path / "scannet"} | ({"demos": place / "demos"} if stage == "train_vla" else {})
    job = make_job(tmp_path / "job", stage, {**config, "bad_share": 0.01}, inputs)
    # One frame in a hundred may be broken, and at least a hundred are drawn before a share says anything.
    with pytest.raises(WorkerError) as caught:
        find_stage(stage).run(job)
    assert caught.value.exit_code == DATA_ERROR
    assert said in " ".join([caught.value.message, *warnings(job)])
    assert check(["scannet", str(tmp_path / "scannet")]) == DATA_ERROR


@pytest.mark.parametrize(
    ("file", "change", "code", "said"),
    [
        ("model.safetensors", lambda b: b[:-4], "MODEL_INVALID", "model.safetensors: its SHA-256 is"),
        ("config.json", lambda b: b.replace(b'"layers": 4', b'"layers": 5', 1), "PRESET_MISMATCH", "layers.4"),
        ("config.json", lambda b: b.replace(b'"image": 96', b'"image": 97'), "MODEL_INVALID", "image: pictures of 97"),
        ("statistics.json", lambda b: b.replace(b"50", b"51"), "STATISTICS_INVALID", "statistics.json is not what was"),
    ],
)
def test_a_policy_that_was_changed_is_refused(
    tmp_path: Path, file: str, change: Callable[[bytes], bytes], code: str, said: str
) -> None:
    folder = write_random_policy(tmp_path / "policy", PRESETS["tiny"])
    path = folder / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(WorkerError, match=said) as caught:
        Policy.load(folder)
    assert caught.value.code == code
    assert str(folder) in caught.value.message
    if "image" in said:
        with pytest.raises(WorkerError, match=f"{folder}: image: pictures of 97"):
            read_policy(folder)


def test_a_streamed_input_whose_store_is_not_there_is_named(tmp_path: Path) -> None:
    address = {"store": {"url": f"file://{tmp_path}/away"}, "artifact": None}
    with pytest.raises(WorkerError, match="away is not there: it may not be mounted") as caught:
        find_stage("train_vla").run(make_job(tmp_path / "job", "train_vla", QUICK, {"demos": address}))
    assert caught.value.code == "STORE_UNREACHABLE"
