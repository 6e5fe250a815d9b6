"""HyperSim as Apple publishes it, read and written.

::

    <ai_xxx_xxx>/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5     dataset ``dataset``, float16
    <ai_xxx_xxx>/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg
    <ai_xxx_xxx>/_detail/cam_00/camera_keyframe_{positions,orientations}.hdf5, _detail/metadata_scene.csv     (poses)
    metadata_camera_parameters.csv          scene_name, settings_camera_fov (radians, horizontal), …
    metadata_images_split_scene_v1.csv      scene_name, camera_name, frame_id, …, split_partition_name

``depth_meters`` is, against its name, the distance from the camera's centre (ml-hypersim's README, and its issue 9);
NaN where the ray hit nothing. Where the camera parameters are not at hand, the field of view is HyperSim's usual
pi/3: 886.81 pixels of focal length at 1024 x 768.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken
from depthvla.data.files import read_picture, read_text
from depthvla.data.frames import RgbdFrame, SceneRef, Split
from depthvla.streams.path import on_disk

USUAL_FOV = np.pi / 3
SPLITS = "metadata_images_split_scene_v1.csv"
CAMERAS = "metadata_camera_parameters.csv"
POSITIONS = "camera_keyframe_positions.hdf5"
ORIENTATIONS = "camera_keyframe_orientations.hdf5"
SCENE = "metadata_scene.csv"
_PARAMETER = ("parameter_name", "parameter_value")
_FRAME = ("scene_name", "camera_name", "frame_id")
# HyperSim's partitions; `test` is nobody's here.
_PARTITIONS: dict[str, Split] = {"train": "train", "val": "heldout"}


def planar_depth(distance: NDArray[np.floating], focal: float) -> NDArray[np.float32]:
    """Distance from the camera's centre to depth along its axis: ``distance * f / |(u, v, f)|``.

    Args:
        distance: ``[H, W]`` in metres; what is not finite or not positive becomes 0, not measured.
        focal: focal length in pixels; the principal point is the middle of the picture, and u and v are measured
            to the middle of each pixel (-511.5 … 511.5 for 1024).

    Returns:
        float32 ``[H, W]`` in metres.
    """
    height, width = distance.shape
    slant = _slant(height, width, focal)
    good = np.isfinite(distance) & (distance > 0)
    return (np.where(good, distance, 0).astype(np.float64) / slant).astype(np.float32)


def ray_distance(depth: NDArray[np.float32], focal: float) -> NDArray[np.float32]:
    """The inverse of `planar_depth`: depth ``[H, W]`` to distance, NaN where nothing was measured."""
    height, width = depth.shape
    return np.where(depth > 0, depth * _slant(height, width, focal), np.nan).astype(np.float32)


def list_hypersim(root: Path) -> list[SceneRef]:
    """Every scene with frames that the split file gives to training or validation, in its order.

    Raises:
        BrokenData: where the split file or the camera parameters can't be read.
    """
    fields_of_view = _read_fields_of_view(root / CAMERAS)
    rows = _read_csv(root / SPLITS, (*_FRAME, "split_partition_name"))
    # Frames outside the public release are listed without a partition.
    rows = [row for row in rows if row["split_partition_name"] in _PARTITIONS]
    out = []
    for (name, partition), frames in groupby(rows, lambda row: (row["scene_name"], row["split_partition_name"])):
        try:
            taken = tuple((row["camera_name"], int(row["frame_id"])) for row in frames)
        except ValueError as error:
            raise broken(root / SPLITS, f"frame_id of {name}: {error}") from error
        reader = partial(HypersimScene, frames=taken, fov=fields_of_view.get(name, USUAL_FOV))
        out.append(SceneRef(root / name, _PARTITIONS[partition], reader))
    return out


class HypersimScene:
    """A scene's frames, as (camera, number), and its horizontal field of view in radians."""

    def __init__(self, path: Path, split: Split, *, frames: tuple[tuple[str, int], ...], fov: float) -> None:
        self.path, self.split, self.frames, self.fov = path, split, frames, fov
        self._poses: dict[str, NDArray[np.float32] | None] = {}
        if not path.is_dir():
            raise broken(path, "no such folder")

    def __len__(self) -> int:
        return len(self.frames)

    def load(self, index: int) -> RgbdFrame:
        camera, number = self.frames[index]
        images = self.path / "images"
        picture = images / f"scene_{camera}_final_preview/frame.{number:04d}.tonemap.jpg"
        image = read_picture(picture)
        measured = images / f"scene_{camera}_geometry_hdf5/frame.{number:04d}.depth_meters.hdf5"
        distance = _read_distance(measured)
        focal = distance.shape[1] / 2 / np.tan(self.fov / 2)
        scale = image.shape[1] / distance.shape[1]
        return RgbdFrame(
            image,
            planar_depth(distance, focal),
            _intrinsics(focal * scale, image.shape[0], image.shape[1]),
            self.split,
            str(picture),
            str(measured),
            self._pose(camera, number),
        )

    def _pose(self, camera: str, number: int) -> NDArray[np.float32] | None:
        detail = self.path / "_detail"
        if camera not in self._poses:
            self._poses[camera] = _read_poses(detail, camera)
        poses = self._poses[camera]
        if poses is None or number < len(poses):
            return None if poses is None else poses[number]
        raise broken(detail / camera / POSITIONS, f"has no frame {number}, {len(poses)} in all")

    def leftovers(self) -> Iterator[BrokenData]:
        return iter(())


def write_hypersim_metadata(root: Path, scenes: Sequence[tuple[str, Split, int]], fov: float) -> None:
    """Write which scenes are for what, and their cameras.

    Args:
        root: the folder of the scenes.
        scenes: name, split and number of frames of each.
        fov: horizontal field of view in radians.
    """
    root.mkdir(parents=True, exist_ok=True)
    partition = {split: name for name, split in _PARTITIONS.items()}
    with (root / SPLITS).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow((*_FRAME, "included_in_public_release", "exclude_reason", "split_partition_name"))
        for scene, split, count in scenes:
            rows.writerows((scene, "cam_00", frame, "True", "", partition[split]) for frame in range(count))
    with (root / CAMERAS).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("scene_name", "settings_camera_fov"))
        rows.writerows((scene, repr(float(fov))) for scene, _, _ in scenes)


def write_hypersim_frame(
    scene: Path, number: int, image: NDArray[np.uint8], depth: NDArray[np.float32], focal: float
) -> None:
    """Write one frame.

    Args:
        scene: the scene's folder.
        number: of the frame, from 0.
        image: uint8 ``[H, W, 3]``.
        depth: float32 ``[H, W]`` in metres along the axis, 0 = not measured.
        focal: focal length in pixels.
    """
    preview, geometry = (scene / f"images/scene_cam_00_{name}" for name in ("final_preview", "geometry_hdf5"))
    for folder in (preview, geometry):
        folder.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(preview / f"frame.{number:04d}.tonemap.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    with h5py.File(geometry / f"frame.{number:04d}.depth_meters.hdf5", "w") as file:
        file.create_dataset("dataset", data=ray_distance(depth, focal).astype(np.float16), compression="gzip")


def _slant(height: int, width: int, focal: float) -> NDArray[np.float64]:
    """How much longer each pixel's ray is than the axis, ``[H, W]``."""
    u = np.arange(width) + 0.5 - width / 2
    v = np.arange(height) + 0.5 - height / 2
    return np.sqrt(u[None, :] ** 2 + v[:, None] ** 2 + focal**2) / focal


def _intrinsics(focal: float, height: int, width: int) -> NDArray[np.float32]:
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]], np.float32)


def _read_distance(path: Path) -> NDArray[np.float32]:
    distance = _read_dataset(path)
    if distance.ndim != 2 or distance.dtype.kind != "f":
        raise broken(path, f"dataset is {distance.dtype} {list(distance.shape)}, expected floats [H, W] in metres")
    return distance.astype(np.float32)


def _read_poses(detail: Path, camera: str) -> NDArray[np.float32] | None:
    """Camera-to-world ``[N, 4, 4]`` in metres, OpenCV axes; None where the scene came without `_detail`."""
    if not (detail / camera / POSITIONS).is_file():
        return None
    where, turned = (_read_dataset(detail / camera / name) for name in (POSITIONS, ORIENTATIONS))
    count = where.shape[:1]
    for name, found, shape in ((POSITIONS, where, (*count, 3)), (ORIENTATIONS, turned, (*count, 3, 3))):
        if found.shape != shape:
            raise broken(detail / camera / name, f"dataset is {list(found.shape)}, expected {list(shape)}")
    scale = {row["parameter_name"]: row["parameter_value"] for row in _read_csv(detail / SCENE, _PARAMETER)}
    poses = np.tile(np.eye(4, dtype=np.float32), (len(where), 1, 1))
    # Asset units, and axes of OpenGL: y up, z towards the viewer.
    poses[:, :3, :3] = turned * np.array([1, -1, -1])
    try:
        poses[:, :3, 3] = where * float(scale["meters_per_asset_unit"])
    except (KeyError, ValueError) as error:
        raise broken(detail / SCENE, "has no number meters_per_asset_unit") from error
    return poses


def _read_dataset(path: Path) -> NDArray[Any]:
    if not path.is_file():
        raise broken(path, "no such file")
    try:
        with on_disk(path) as name, h5py.File(name) as file:
            if "dataset" not in file:
                raise broken(path, f"has {list(file)}, expected `dataset`")
            return np.asarray(file["dataset"])
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise broken(path, f"not an HDF5 file that can be read ({error})") from error


def _read_fields_of_view(path: Path) -> dict[str, float]:
    if not path.is_file():
        return {}
    rows = _read_csv(path, ("scene_name", "settings_camera_fov"))
    try:
        return {row["scene_name"]: float(row["settings_camera_fov"] or USUAL_FOV) for row in rows}
    except ValueError as error:
        raise broken(path, f"settings_camera_fov: {error}") from error


def _read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    reader = csv.DictReader(read_text(path).splitlines())
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise broken(path, f"column {missing[0]!r} is missing")
    rows = []
    for row in reader:
        if any(row[column] is None for column in columns):
            raise broken(path, f"line {reader.line_num} is cut short")
        rows.append(row)
    return rows
