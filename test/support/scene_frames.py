"""Frames of scenes, read as `depthvla.check` reads them."""

from collections.abc import Sequence

from depthvla.data.broken import BrokenData
from depthvla.data.frames import RgbdFrame, SceneRef
from depthvla.data.reading import Fault, look


def read_frames(scenes: Sequence[SceneRef], every: int = 1) -> list[RgbdFrame]:
    """Every frame; raises the first fault."""
    frames, faults = read_what_can_be(scenes, every)
    for fault in faults:
        raise fault
    return frames


def read_what_can_be(scenes: Sequence[SceneRef], every: int = 1) -> tuple[list[RgbdFrame], list[BrokenData]]:
    """The frames that can be read, and what is wrong with the rest."""
    met = [each for scene in scenes for each in look(scene, every)]
    return (
        [each for each in met if not isinstance(each, Fault)],
        [each.error for each in met if isinstance(each, Fault)],
    )
