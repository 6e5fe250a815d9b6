"""Writes small RLDS datasets as TFDS does, TensorFlow not needed (see `rlds`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthvla.data.encoded import encode_jpeg, encode_png
from depthvla.data.recording import Recording
from depthvla.data.tf_example import make_example
from depthvla.data.tfds import FEATURES, INFO
from depthvla.data.tfrecord import write_records

_CLASS = "tensorflow_datasets.core.features"


@dataclass(frozen=True)
class RldsFormat:
    """How a dataset lays out its steps.

    Attributes:
        state: names and widths of the features that the state is cut into.
        action: width of an action.
        encoding: of the pictures.
        flags: cameras, and ``language``, for which ``episode_metadata`` says whether an episode has them.
    """

    state: Mapping[str, int]
    action: int
    encoding: Literal["jpeg", "png"] = "jpeg"
    flags: tuple[str, ...] = field(default=())


BRIDGE_FORMAT = RldsFormat(
    {"state": 7}, 7, flags=("image_0", "image_1", "image_2", "image_3", "language")
)  # fmt: skip
GALAXEA_FORMAT = RldsFormat(
    {
        "joint_position_arm_left": 6,
        "gripper_state_left": 1,
        "joint_position_arm_right": 6,
        "gripper_state_right": 1,
        "joint_position_torso": 4,
        "base_velocity": 3,
    },
    26,
)


def write_rlds(
    folder: Path, name: str, recordings: Sequence[Recording], like: RldsFormat, *, shards: int = 1, split: str = "train"
) -> Path:
    """Write a split of a dataset with the cameras of its first recording; gives the folder of its version.

    A recording that lacks a camera of the first, or an instruction, gets the stand-in and the flag that BridgeData has.
    """
    version = folder / name / "1.0.0"
    first = recordings[0]
    lengths, total = [], 0
    for shard in range(shards):
        part = recordings[len(recordings) * shard // shards : len(recordings) * (shard + 1) // shards]
        records = [_record(recording, first, like, name) for recording in part]
        write_records(version / f"{name}-{split}.tfrecord-{shard:05d}-of-{shards:05d}", records)
        lengths.append(str(len(part)))
        total += sum(map(len, records))
    info = {
        "fileFormat": "tfrecord",
        "moduleName": f"{name}.{name}",
        "name": name,
        "splits": [
            {
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "name": split,
                "numBytes": str(total),
                "shardLengths": lengths,
            }
        ],
        "version": "1.0.0",
    }
    (version / INFO).write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    (version / FEATURES).write_text(json.dumps(_features(first, like), indent=2) + "\n", encoding="utf-8")
    return version


def _record(recording: Recording, first: Recording, like: RldsFormat, name: str) -> bytes:
    length = len(recording)
    at = np.arange(length)
    values: dict[str, Sequence[bytes] | NDArray[np.generic]] = {
        "steps/action": recording.action,
        "steps/is_first": at == 0,
        "steps/is_last": at == length - 1,
        "steps/language_instruction": [recording.instruction.encode()] * length,
        "episode_metadata/file_path": [f"/{name}/episode".encode()],
    }
    start = 0
    for feature, width in like.state.items():
        values[f"steps/observation/{feature}"] = recording.state[:, start : start + width]
        start += width
    encode = encode_jpeg if like.encoding == "jpeg" else encode_png
    for camera, images in first.images.items():
        shown = recording.images.get(camera, np.zeros((length, *images.shape[1:]), np.uint8))
        values[f"steps/observation/{camera}"] = [encode(image) for image in shown]
    for camera in first.depth:
        values[f"steps/observation/{camera}"] = [encode_png(depth) for depth in recording.depth[camera]]
    for flag in like.flags:
        has = bool(recording.instruction) if flag == "language" else flag in recording.images
        values[f"episode_metadata/has_{flag}"] = np.array([has])
    return make_example(values)


def _features(first: Recording, like: RldsFormat) -> dict[str, object]:
    observation = {name: _tensor((width,), "float32") for name, width in like.state.items()}
    for camera, images in first.images.items():
        observation[camera] = _image(images.shape[1:], "uint8", like.encoding)
    for camera, depth in first.depth.items():
        observation[camera] = _image((*depth.shape[1:], 1), "uint16", "png")
    steps = _dict(
        {
            "observation": _dict(observation),
            "action": _tensor((like.action,), "float32"),
            "is_first": _tensor((), "bool"),
            "is_last": _tensor((), "bool"),
            "language_instruction": _text(),
        }
    )
    metadata = {"file_path": _text(), **{f"has_{flag}": _tensor((), "bool") for flag in like.flags}}
    return _dict(
        {
            "steps": {
                "pythonClassName": f"{_CLASS}.dataset_feature.Dataset",
                "sequence": {"feature": steps, "length": "-1"},
            },
            "episode_metadata": _dict(metadata),
        }
    )


def _dict(features: Mapping[str, object]) -> dict[str, object]:
    return {"pythonClassName": f"{_CLASS}.features_dict.FeaturesDict", "featuresDict": {"features": dict(features)}}


def _tensor(shape: tuple[int, ...], dtype: str) -> dict[str, object]:
    kind = "tensor_feature.Tensor" if shape else "scalar.Scalar"
    return {
        "pythonClassName": f"{_CLASS}.{kind}",
        "tensor": {"shape": _shape(shape), "dtype": dtype, "encoding": "none"},
    }


def _image(shape: tuple[int, ...], dtype: str, encoding: str) -> dict[str, object]:
    return {
        "pythonClassName": f"{_CLASS}.image_feature.Image",
        "image": {"shape": _shape(shape), "dtype": dtype, "encodingFormat": encoding},
    }


def _text() -> dict[str, object]:
    return {"pythonClassName": f"{_CLASS}.text_feature.Text", "text": {}}


def _shape(shape: tuple[int, ...]) -> dict[str, object]:
    return {"dimensions": [str(n) for n in shape]} if shape else {}
