from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.frames import RgbdFrame
from depthvla.data.hypersim import (
    list_hypersim,
    planar_depth,
    ray_distance,
    write_hypersim_frame,
    write_hypersim_metadata,
)
from depthvla.runtime.failure import WorkerError
from scene_frames import read_frames

FOCAL = 886.81


def read_hypersim_frames(root: Path) -> list[RgbdFrame]:
    return read_frames(list_hypersim(root))


def test_distance_becomes_depth_as_published_for_1024_by_768() -> None:
    distance = np.full((768, 1024), 2.0)
    depth = planar_depth(distance, FOCAL)
    # By hand, with u = -511.5, v = -383.5: 2 * 886.81 / sqrt(511.5² + 383.5² + 886.81²)
    assert_allclose(depth[0, 0], 2 * 886.81 / 1093.223, rtol=1e-5)
    # In the middle the ray is the axis, half a pixel off: 2 * 886.81 / sqrt(0.5 + 886.81²)
    assert_allclose(depth[384, 512], 2.0, rtol=1e-6)
    assert_allclose(depth, depth[::-1, ::-1])


def test_what_no_ray_hit_or_nothing_measured_is_zero() -> None:
    distance = np.array([[np.nan, np.inf, -np.inf, 0.0, -1.0, 3.0]])
    assert_array_equal(planar_depth(distance, 50.0)[0] > 0, [False] * 5 + [True])


def test_depth_to_distance_and_back() -> None:
    depth = np.random.default_rng(0).uniform(0.5, 5, (24, 32)).astype(np.float32)
    depth[3, 4] = 0
    there = ray_distance(depth, 30.0)
    assert np.isnan(there[3, 4])
    assert_allclose(planar_depth(there, 30.0), depth, rtol=1e-6)


def test_frames_written_are_read_back_with_their_splits_and_cameras(tmp_path: Path) -> None:
    fov = 2 * np.arctan(16 / 40)
    image = np.full((24, 32, 3), (200, 100, 50), np.uint8)
    depth = np.full((24, 32), 1.5, np.float32)
    depth[:, :4] = 0
    for scene, frames in (("ai_001_000", 2), ("ai_001_001", 1)):
        for number in range(frames):
            write_hypersim_frame(tmp_path / scene, number, image, depth, 40.0)
    write_hypersim_metadata(tmp_path, [("ai_001_000", "train", 2), ("ai_001_001", "heldout", 1)], fov)
    frames = read_hypersim_frames(tmp_path)
    assert [f.split for f in frames] == ["train", "train", "heldout"]
    assert_allclose(frames[0].intrinsics, [[40, 0, 15.5], [0, 40, 11.5], [0, 0, 1]], rtol=1e-5)
    assert_allclose(frames[0].image, image, atol=4)
    # float16, as HyperSim stores it
    assert_allclose(frames[0].depth, depth, rtol=1e-3)


def test_a_real_scene_without_camera_parameters_has_the_usual_focal_length(tmp_path: Path) -> None:
    # Written by hand, as Apple's files are, and not by this package's own writer.
    images = tmp_path / "ai_037_002/images"
    (images / "scene_cam_01_geometry_hdf5").mkdir(parents=True)
    (images / "scene_cam_01_final_preview").mkdir()
    with h5py.File(images / "scene_cam_01_geometry_hdf5/frame.0007.depth_meters.hdf5", "w") as file:
        file["dataset"] = np.full((768, 1024), 2, np.float16)
    cv2.imwrite(str(images / "scene_cam_01_final_preview/frame.0007.tonemap.jpg"), np.zeros((768, 1024, 3), np.uint8))
    (tmp_path / "metadata_images_split_scene_v1.csv").write_text(
        "scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name\n"
        "ai_037_002,cam_01,7,True,,train\nai_037_002,cam_01,8,False,bad,\nai_037_002,cam_01,9,True,,test\n"
    )
    (frame,) = read_hypersim_frames(tmp_path)
    assert_allclose(frame.intrinsics[0, 0], 886.81, atol=0.01)
    assert_allclose(frame.depth[0, 0], 2 * 886.81 / 1093.223, rtol=1e-5)


def test_poses_are_metres_and_look_along_z(tmp_path: Path) -> None:
    write_hypersim_frame(tmp_path / "ai_001_000", 0, np.zeros((6, 8, 3), np.uint8), np.ones((6, 8), np.float32), 9.0)
    write_hypersim_metadata(tmp_path, [("ai_001_000", "train", 1)], 1.0)
    detail = tmp_path / "ai_001_000/_detail"
    (detail / "cam_00").mkdir(parents=True)
    with h5py.File(detail / "cam_00/camera_keyframe_positions.hdf5", "w") as file:
        file["dataset"] = np.array([[10.0, 20.0, 30.0]])
    with h5py.File(detail / "cam_00/camera_keyframe_orientations.hdf5", "w") as file:
        file["dataset"] = np.eye(3)[None]
    (detail / "metadata_scene.csv").write_text("parameter_name,parameter_value\nmeters_per_asset_unit,0.0254\n")
    (frame,) = read_hypersim_frames(tmp_path)
    assert frame.pose is not None
    assert_allclose(frame.pose[:3, 3], [0.254, 0.508, 0.762], rtol=1e-6)
    # HyperSim's camera looks along its own -z, with y up.
    assert_allclose(frame.pose[:3, :3] @ (0, 0, 1), [0, 0, -1])
    assert_allclose(frame.pose[:3, :3] @ (0, 1, 0), [0, -1, 0])
    (detail / "metadata_scene.csv").write_text("parameter_name,parameter_value\n")
    with pytest.raises(WorkerError, match="meters_per_asset_unit"):
        read_hypersim_frames(tmp_path)


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        (lambda root: (root / "metadata_images_split_scene_v1.csv").unlink(), "metadata_images_split_scene_v1.csv"),
        (lambda root: (root / "metadata_images_split_scene_v1.csv").write_text("a,b\n"), "scene_name"),
        (lambda root: next(root.rglob("*.jpg")).unlink(), "frame.0000.tonemap.jpg"),
        (lambda root: next(root.rglob("*.hdf5")).write_bytes(b"no"), "frame.0000.depth_meters.hdf5"),
        (lambda root: cut(next(root.rglob("*.jpg"))), "tonemap.jpg: a JPEG that is cut short"),
        (lambda root: cut(next(root.rglob("*.hdf5"))), "frame.0000.depth_meters.hdf5: not an HDF5 file"),
        (lambda root: store(root, np.ones((6, 8), np.uint16)), "dataset is uint16 [6, 8], expected floats [H, W]"),
        (
            lambda root: store(root, np.full((6, 8), np.nan)),
            "depth_meters.hdf5: no pixel has a measured depth",
        ),
        (lambda root: store(root, np.full((6, 8), 2000.0)), "in millimetres, where metres are expected"),
        (
            lambda root: store(root, np.ones((6, 12))),
            "12 x 6 pixels of depth, the picture has 8 x 6",
        ),
        (lambda root: append(root / "metadata_images_split_scene_v1.csv", "ai_001_000,cam_00"), "line 3 is cut short"),
        (
            lambda root: append(root / "metadata_images_split_scene_v1.csv", "ai_001_000,cam_00,x,True,,train"),
            "frame_id of ai_001_000",
        ),
        (
            lambda root: (root / "metadata_camera_parameters.csv").write_text("scene_name,settings_camera_fov\na,b\n"),
            "settings_camera_fov",
        ),
    ],
)
def test_a_broken_folder_is_named(tmp_path: Path, breakage, named: str) -> None:  # type: ignore[no-untyped-def]
    write_hypersim_frame(tmp_path / "ai_001_000", 0, np.zeros((6, 8, 3), np.uint8), np.ones((6, 8), np.float32), 9.0)
    write_hypersim_metadata(tmp_path, [("ai_001_000", "train", 1)], 1.0)
    breakage(tmp_path)
    with pytest.raises(WorkerError) as caught:
        read_hypersim_frames(tmp_path)
    assert named in caught.value.message
    assert caught.value.code == "DATA_BROKEN"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def append(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line + "\n")


def store(root: Path, distance: np.ndarray) -> None:
    with h5py.File(next(root.rglob("*.hdf5")), "w") as file:
        file["dataset"] = distance
