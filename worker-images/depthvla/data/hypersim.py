"""HyperSim as Apple publishes it, read and written.

::

    <ai_xxx_xxx>/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5     dataset ``dataset``, float16
    <ai_xxx_xxx>/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg
    metadata_camera_parameters.csv          scene_name, settings_camera_fov (radians, horizontal), …
    metadata_images_split_scene_v1.csv      scene_name, camera_name, frame_id, …, split_partition_name

``depth_meters`` is, against its name, the distance from the camera's centre (ml-hypersim's README, and its issue 9);
NaN where the ray hit nothing. Where the camera parameters are not at hand, the field of view is HyperSim's usual
pi/3: 886.81 pixels of focal length at 1024 x 768.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import broken
from depthvla.data.frames import RgbdFrame, Split

USUAL_FOV = np.pi / 3
SPLITS = "metadata_images_split_scene_v1.csv"
CAMERAS = "metadata_camera_parameters.csv"
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


def read_hypersim(root: Path) -> Iterator[RgbdFrame]:
    """Every frame that the split file gives to training or validation, in its order.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and what is wrong with it.
    """
    fields_of_view = _read_fields_of_view(root / CAMERAS)
    for row in _read_csv(root / SPLITS, (*_FRAME, "split_partition_name")):
        split = _PARTITIONS.get(row["split_partition_name"])
        # Frames outside the public release are listed without a partition.
        if split is None:
            continue
        stem = f"frame.{int(row['frame_id']):04d}"
        images = root / row["scene_name"] / "images"
        picture = images / f"scene_{row['camera_name']}_final_preview/{stem}.tonemap.jpg"
        bgr = cv2.imread(str(picture), cv2.IMREAD_COLOR) if picture.is_file() else None
        if bgr is None:
            raise broken(picture, "no picture that can be read")
        distance = _read_distance(images / f"scene_{row['camera_name']}_geometry_hdf5/{stem}.depth_meters.hdf5")
        width = distance.shape[1]
        focal = width / 2 / np.tan(fields_of_view.get(row["scene_name"], USUAL_FOV) / 2)
        scale = bgr.shape[1] / width
        yield RgbdFrame(
            np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8),
            planar_depth(distance, focal),
            _intrinsics(focal * scale, bgr.shape[0], bgr.shape[1]),
            split,
            str(picture),
        )


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
    if not path.is_file():
        raise broken(path, "no such file")
    try:
        with h5py.File(path) as file:
            if "dataset" not in file:
                raise broken(path, f"has {list(file)}, expected `dataset`")
            distance = np.asarray(file["dataset"], np.float32)
    except OSError as error:
        raise broken(path, f"not an HDF5 file that can be read ({error})") from error
    if distance.ndim != 2:
        raise broken(path, f"dataset is {list(distance.shape)}, expected [H, W]")
    return distance


def _read_fields_of_view(path: Path) -> dict[str, float]:
    if not path.is_file():
        return {}
    rows = _read_csv(path, ("scene_name", "settings_camera_fov"))
    try:
        return {row["scene_name"]: float(row["settings_camera_fov"]) for row in rows}
    except ValueError as error:
        raise broken(path, f"settings_camera_fov: {error}") from error


def _read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    if not path.is_file():
        raise broken(path, "no such file")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise broken(path, f"column {missing[0]!r} is missing")
        return list(reader)
