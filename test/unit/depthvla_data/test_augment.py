import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.augment import FOR_ACTIONS, FOR_DEPTH, Augmentation, augment
from depthvla.data.frames import RgbdFrame
from depthvla.data.pictures import cut_intrinsics, fit_depth, fit_image, middle

INTRINSICS = np.array([[150, 0, 79], [0, 155, 61], [0, 0, 1]], np.float32)
HEIGHT, WIDTH = 120, 160


def frame(coarse: int = 1) -> RgbdFrame:
    """Red tells a pixel's column, green its row, depth both."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    image = np.stack([columns * 1.5, rows * 2, rows * 0], axis=2).round().astype(np.uint8)
    depth = 1 + columns / 100 + rows / 10
    h, w = HEIGHT // coarse, WIDTH // coarse
    depth = depth.reshape(h, coarse, w, coarse).mean((1, 3)).astype(np.float32)
    return RgbdFrame(image, depth, INTRINSICS, "train", "made up", "made up")


@pytest.mark.parametrize("mirror", [0.0, 1.0])
@pytest.mark.parametrize("coarse", [1, 4])
@pytest.mark.parametrize("size", [48, 96])
def test_a_ray_meets_the_same_colour_and_depth_whatever_was_cut_scaled_or_mirrored(
    mirror: float, coarse: int, size: int
) -> None:
    rng = np.random.default_rng(0)
    before = frame(coarse)
    for _ in range(20):
        after = augment(before, Augmentation(crop=0.5, mirror=mirror), size, rng)
        assert after.image.shape == (size, size, 3)
        assert after.depth.shape == (size, size)
        for i, j in rng.integers(2, size - 2, (10, 2)):
            ray = np.linalg.inv(after.intrinsics.astype(np.float64)) @ (j, i, 1)
            if mirror:
                ray[0] *= -1
            u, v, _ = INTRINSICS @ ray
            # Half a cell of the coarser of the two grids, and how steep the ramps are.
            pixel = max(coarse, HEIGHT / size) / 2 + 0.51
            assert_allclose(after.image[i, j, :2], (u * 1.5, v * 2), atol=2 * pixel + 1)
            assert abs(after.depth[i, j] - (1 + u / 100 + v / 10)) < pixel * 0.11


def test_without_augmentation_it_is_the_middle_square(tmp_path) -> None:  # type: ignore[no-untyped-def]
    before, after = frame(), augment(frame(), Augmentation(), 48, np.random.default_rng(0))
    assert_array_equal(after.image, fit_image(before.image, 48))
    assert_array_equal(after.depth, fit_depth(before.depth, 48))
    assert_array_equal(after.intrinsics, cut_intrinsics(INTRINSICS, middle(HEIGHT, WIDTH), 48))


def test_frames_with_actions_are_never_mirrored_and_those_for_depth_are_half_of_the_time() -> None:
    def mirrored(how: Augmentation) -> list[bool]:
        rng = np.random.default_rng(1)
        samples = [augment(frame(), how, 48, rng) for _ in range(60)]
        return [bool(s.depth[20, 40] < s.depth[20, 5]) for s in samples]

    assert not any(mirrored(FOR_ACTIONS))
    assert 15 < sum(mirrored(FOR_DEPTH)) < 45


def test_light_changes_the_picture_and_nothing_else_and_the_seed_decides() -> None:
    dark, plain = (
        augment(frame(), Augmentation(crop=0.5, light=light), 48, np.random.default_rng(3)) for light in (0.3, 0)
    )
    assert not np.array_equal(dark.image, plain.image)
    assert_array_equal(dark.depth, plain.depth)
    assert_array_equal(dark.intrinsics, plain.intrinsics)
    again = augment(frame(), Augmentation(crop=0.5, light=0.3), 48, np.random.default_rng(3))
    assert_array_equal(dark.image, again.image)
