from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.truth import load_truth, to_millimetres, write_truth
from depthvla.runtime.failure import WorkerError


def test_what_was_not_measured_is_zero_millimetres() -> None:
    depth = np.array([[1.2344, 0, np.nan, np.inf, -1, 112.9, 65.5]], np.float32)
    assert_array_equal(to_millimetres(depth), [[1234, 0, 0, 0, 0, 0, 65500]])


def test_depth_is_read_back_in_metres_in_the_order_of_frames(tmp_path: Path) -> None:
    depth = np.arange(3 * 4 * 4, dtype=np.uint16).reshape(3, 4, 4) * 100
    pose, intrinsics = np.eye(4, dtype=np.float32), np.eye(3, dtype=np.float32)
    write_truth(tmp_path, depth, intrinsics=intrinsics, camera_to_world=pose, placement=np.array([7]))
    read = load_truth(tmp_path, 4)
    assert read.dtype == np.float32
    assert_allclose(read, depth / 1000, rtol=1e-6)
    assert load_truth(tmp_path, 2).shape == (3, 2, 2)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"depth\.npz: no such file"):
        load_truth(tmp_path, 4)
    (tmp_path / "depth.npz").write_bytes(b"no")
    with pytest.raises(WorkerError, match="not an npz file"):
        load_truth(tmp_path, 4)
