import numpy as np
from numpy.testing import assert_array_equal

from depthvla.serving.resize import pad_depth, pad_image, resize_image


def test_a_wide_picture_gets_bars_above_and_below_and_a_high_one_beside() -> None:
    wide = pad_image(np.full((20, 40, 3), 200, np.uint8), 16)
    assert (wide[4:12] == 200).all()
    assert wide.sum() == 8 * 16 * 3 * 200
    assert_array_equal(pad_image(np.full((40, 20, 3), 200, np.uint8), 16), wide.transpose(1, 0, 2))


def test_sizes_that_do_not_divide_are_rounded_down_as_openpi_does() -> None:
    # 480 x 640 at 224: 168 x 224 with 28 above. 3 x 7 at 5: 2 x 5 with 1 above and 2 below.
    bars = pad_image(np.full((480, 640, 3), 9, np.uint8), 224).any(axis=(1, 2))
    assert_array_equal(np.flatnonzero(bars), np.arange(28, 196))
    assert_array_equal(np.flatnonzero(pad_image(np.full((3, 7, 3), 9, np.uint8), 5).any(axis=(1, 2))), [1, 2])


def test_depth_is_picked_and_lies_where_the_picture_does() -> None:
    depth = np.repeat([1.0, 3.0], 20)[None].repeat(20, axis=0).astype(np.float32)
    padded = pad_depth(depth, 16)
    assert set(np.unique(padded)) == {0, 1, 3}
    assert_array_equal(np.flatnonzero(padded.any(axis=1)), np.arange(4, 12))
    assert (padded[4:12, :8] == 1).all()


def test_a_picture_that_fits_and_what_is_none_are_left_alone() -> None:
    fits = np.ones((16, 16, 3), np.uint8)
    for thing in (fits, "a", np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))):
        assert resize_image(thing, 16, "pad") is thing
    assert resize_image(np.zeros((4, 4, 3), np.uint8), 16, "no").shape == (4, 4, 3)  # type: ignore[attr-defined]
