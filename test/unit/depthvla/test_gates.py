import numpy as np
import pytest

from depthvla.labels.gates import Gates, Quality, Thresholds, flicker

RNG = np.random.default_rng(0)


def clip(*depths: float) -> np.ndarray:
    """A flat wall at these metres, frame after frame."""
    return np.repeat((np.array(depths) * 1000).astype(np.uint16), 8 * 10).reshape(-1, 8, 10)


def test_flicker_is_the_mean_change_of_log_depth_where_nothing_moves() -> None:
    grey = np.full((3, 8, 10), 90, np.uint8)
    assert flicker(clip(1, 1, 1), grey) == 0
    assert flicker(clip(1, 2, 1), grey) == pytest.approx(np.log(2))
    half = clip(1, 2, 1)
    half[:, 4:] = 1000
    assert flicker(half, grey) == pytest.approx(np.log(2) / 2)
    # The half that flickers moves: grey values that wrap around are no small change.
    grey[1, :4] = 250
    assert flicker(half, grey) == 0
    half[1, :, 5:] = 0
    assert flicker(half, grey) == 0


def test_nothing_is_said_of_flicker_where_all_moves_or_there_is_one_frame() -> None:
    moving = np.arange(3 * 8 * 10).reshape(3, 8, 10).astype(np.uint8)
    assert flicker(clip(1, 2, 1), moving) is None
    assert flicker(clip(1), moving[:1]) is None


def test_noise_of_a_still_picture_is_still_and_order_does_not_matter() -> None:
    pictures = np.clip(RNG.normal(120, 2, (4, 16, 20, 3)), 0, 255).astype(np.uint8)
    gates = Gates(4, (8, 10))
    for frames in ([2, 0], [1, 3]):
        gates.add(np.array(frames), pictures[frames])
    quality = gates.judge(clip(1, 1.5, 1, 1.5), None)
    assert quality.flicker == pytest.approx(np.log(1.5), rel=1e-3)
    assert quality.share == 1
    assert (quality.absrel, quality.delta1) == (None, None)


@pytest.mark.parametrize(("quality", "flags"), [
    (Quality(share=1, flicker=0.02, absrel=0.1, delta1=0.9), []),
    (Quality(share=0.4), ["40% of the pixels have a depth, less than 50%"]),
    (Quality(share=1, absrel=0.3, delta1=0.5), ["differ by 0.30", "agree within 25% on 50%"]),
    (Quality(share=1, flicker=0.2), ["flickers by 0.20"]),
    (Quality(share=1, problem="the relative map is flat"), ["flat"]),
])  # fmt: skip
def test_what_is_beyond_a_threshold_is_flagged_in_words(quality: Quality, flags: list[str]) -> None:
    found = quality.flags(Thresholds())
    assert len(found) == len(flags)
    assert all(part in said for part, said in zip(flags, found, strict=True))
