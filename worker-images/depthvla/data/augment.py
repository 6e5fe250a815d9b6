"""Varying a frame: picture, depth and intrinsics always together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthvla.data.frames import RgbdFrame
from depthvla.data.pictures import Window, cut_depth, cut_image, cut_intrinsics, middle


@dataclass(frozen=True)
class Augmentation:
    """How much frames are varied; by default not at all.

    Attributes:
        crop: smallest square to cut out anywhere, as a share of the largest that fits; 1 takes the middle one.
        mirror: share of frames whose left and right are swapped: 0 wherever an instruction can say "left", or an
            action goes there.
        light: brightness and contrast change by up to this share; depth doesn't.
    """

    crop: float = 1.0
    mirror: float = 0.0
    light: float = 0.0


FOR_DEPTH = Augmentation(crop=0.7, mirror=0.5, light=0.2)
FOR_ACTIONS = Augmentation(crop=0.9, mirror=0.0, light=0.2)


@dataclass(frozen=True)
class Sample:
    """A frame at the model's size.

    Attributes:
        image: uint8 ``[size, size, 3]``.
        depth: float32 ``[size, size]``, metres along the axis, 0 = not measured.
        intrinsics: float32 ``[3, 3]``, pixel centres at whole numbers. A mirrored frame is what a camera sees in a
            world whose x axis is turned round.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.float32]


def augment(frame: RgbdFrame, how: Augmentation, size: int, rng: np.random.Generator) -> Sample:
    """Cut, scale, mirror and relight a frame.

    Args:
        frame: to vary.
        how: how much.
        size: height and width of the result.
        rng: always gives the same count of numbers, whatever `how` says.
    """
    side, down, across, mirror, bright, contrast = rng.random(6).tolist()
    height, width = frame.image.shape[:2]
    window = middle(height, width)
    if how.crop < 1:
        shorter = max(1, round(window.side * (how.crop + (1 - how.crop) * side)))
        window = Window(int(down * (height - shorter + 1)), int(across * (width - shorter + 1)), shorter)
    image = cut_image(frame.image, window, size)
    depth = cut_depth(frame.depth, (height, width), window, size)
    intrinsics = cut_intrinsics(frame.intrinsics, window, size)
    if mirror < how.mirror:
        image, depth = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(depth[:, ::-1])
        intrinsics[0, 2] = size - 1 - intrinsics[0, 2]
        intrinsics[0, 1] *= -1
    if how.light:
        image = _relight(image, 1 + how.light * (2 * bright - 1), 1 + how.light * (2 * contrast - 1))
    return Sample(image, depth, intrinsics)


def _relight(image: NDArray[np.uint8], brightness: float, contrast: float) -> NDArray[np.uint8]:
    levels = (np.arange(256) * brightness - 127.5) * contrast + 127.5
    return np.asarray(np.rint(np.clip(levels, 0, 255)).astype(np.uint8)[image])
