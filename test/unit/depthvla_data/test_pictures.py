import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.pictures import cut_intrinsics, fit_depth, fit_image, middle


def test_a_picture_of_the_wanted_size_is_left_alone() -> None:
    image = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    assert_array_equal(fit_image(image, 8), image)


def test_a_wide_picture_loses_its_sides_and_is_averaged_down() -> None:
    image = np.zeros((4, 8, 3), np.uint8)
    image[:, 2:4] = 100
    image[:, 4:6] = 200
    image[:, :2] = image[:, 6:] = 255
    assert_array_equal(fit_image(image, 2), np.full((2, 2, 3), [[[100]], [[200]]]).transpose(1, 0, 2))


def test_depth_is_picked_from_the_middle_of_each_cell_and_never_mixed() -> None:
    depth = np.arange(36, dtype=np.float32).reshape(6, 6)
    assert_array_equal(fit_depth(depth, 2), [[7, 10], [25, 28]])


def test_depth_that_was_not_measured_stays_so() -> None:
    depth = np.full((6, 8), 2, np.float32)
    depth[:, 4:] = 0
    assert set(np.unique(fit_depth(depth, 3))) == {0, 2}


def test_a_point_of_the_scene_keeps_its_place_in_the_picture_when_intrinsics_follow_the_resize() -> None:
    intrinsics = np.array([[500, 0, 330], [0, 510, 235], [0, 0, 1]], np.float32)
    point = np.array([0.3, -0.2, 2.0])
    u, v, _ = intrinsics @ point / point[2]
    small = cut_intrinsics(intrinsics, middle(480, 640), 96)
    u2, v2, _ = small @ point / point[2]
    # By hand: 80 columns go on the left, 480 pixels become 96, counted from pixels' edges.
    assert_allclose((u2, v2), ((u - 80 + 0.5) / 5 - 0.5, (v + 0.5) / 5 - 0.5), rtol=1e-5)


def test_the_middle_of_a_centred_camera_stays_the_middle() -> None:
    intrinsics = np.array([[100, 0, 63.5], [0, 100, 47.5], [0, 0, 1]], np.float32)
    assert_allclose(cut_intrinsics(intrinsics, middle(96, 128), 32)[:2, 2], [15.5, 15.5])
