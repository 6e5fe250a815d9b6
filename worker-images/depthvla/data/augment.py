"""Varying a frame: picture, depth and intrinsics always together."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depthvla.data.frames import RgbdFrame
from depthvla.data.pictures import P, Window, cut_depth, cut_image, cut_intrinsics, middle


@dataclass(frozen=True)
class Augmentation:
    """How much frames are varied; by default not at all.

    Attributes:
        crop: smallest square to cut out anywhere, as a share of the largest that fits; 1 takes the middle one. What is
            cut out and scaled looks as if through a longer lens: who is not told the focal length sees it too near.
        mirror: share of frames whose left and right are swapped: 0 wherever an instruction can say "left", or an
            action goes there.
        light: brightness and contrast change by up to this share; depth doesn't.
    """

    crop: float = 1.0
    mirror: float = 0.0
    light: float = 0.0

    @property
    def varies(self) -> bool:
        return self.crop < 1 or self.mirror > 0 or self.light > 0


PLAIN = Augmentation()
FOR_DEPTH = Augmentation(crop=0.7, mirror=0.5, light=0.2)
FOR_ACTIONS = Augmentation(crop=0.9, mirror=0.0, light=0.2)


@dataclass(frozen=True)
class Change:
    """What is done to one frame: a square of it, perhaps mirrored, in another light."""

    window: Window
    mirrored: bool = False
    brightness: float = 1.0
    contrast: float = 1.0


@dataclass(frozen=True)
class View:
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


def draw_change(how: Augmentation, height: int, width: int, rng: np.random.Generator) -> Change:
    """What to do to a frame of that size; `rng` always gives the same count of numbers, whatever `how` says."""
    side, down, across, mirror, bright, contrast = rng.random(6).tolist()
    window = middle(height, width)
    if how.crop < 1:
        shorter = max(1, round(window.side * (how.crop + (1 - how.crop) * side)))
        window = Window(int(down * (height - shorter + 1)), int(across * (width - shorter + 1)), shorter)
    return Change(
        window, mirror < how.mirror, 1 + how.light * (2 * bright - 1), 1 + how.light * (2 * contrast - 1)
    )  # fmt: skip


def change_image(image: NDArray[np.uint8], change: Change, size: int) -> NDArray[np.uint8]:
    """uint8 ``[H, W, 3]`` to ``[size, size, 3]``."""
    out = cut_image(image, change.window, size)
    if change.mirrored:
        out = np.ascontiguousarray(out[:, ::-1])
    if (change.brightness, change.contrast) == (1.0, 1.0):
        return out
    levels = (np.arange(256) * change.brightness - 127.5) * change.contrast + 127.5
    return np.asarray(cv2.LUT(out, np.rint(np.clip(levels, 0, 255)).astype(np.uint8)), np.uint8)


def change_depth(depth: NDArray[P], picture: tuple[int, int], change: Change, size: int) -> NDArray[P]:
    """Depth ``[h, w]`` of a picture of that (height, width), or what else is picked along with it."""
    out = cut_depth(depth, picture, change.window, size)
    return np.ascontiguousarray(out[:, ::-1]) if change.mirrored else out


def change_intrinsics(intrinsics: NDArray[np.float32], change: Change, size: int) -> NDArray[np.float32]:
    """Intrinsics ``[3, 3]`` of the picture."""
    out = cut_intrinsics(intrinsics, change.window, size)
    if change.mirrored:
        out[0, 2] = size - 1 - out[0, 2]
        out[0, 1] *= -1
    return out


def augment(frame: RgbdFrame, how: Augmentation, size: int, rng: np.random.Generator) -> View:
    """Cut, scale, mirror and relight a frame.

    Args:
        frame: to vary.
        how: how much.
        size: height and width of the result.
        rng: decides.
    """
    height, width = frame.image.shape[:2]
    change = draw_change(how, height, width, rng)
    return View(
        change_image(frame.image, change, size),
        change_depth(frame.depth, (height, width), change, size),
        change_intrinsics(frame.intrinsics, change, size),
    )
