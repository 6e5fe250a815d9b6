"""Pictures in an mp4. Key frames lie close together, so that any frame is found in a millisecond."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

KEY_FRAME_EVERY = 2
CODEC = "h264"
PIXEL_FORMAT = "yuv420p"


class VideoWriter:
    """Writes RGB pictures of one size as H.264.

    One encoder thread: the same pictures give the same bytes, whatever machine they are encoded on.
    """

    def __init__(self, path: Path, height: int, width: int, fps: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(path), "w")
        stream = self._container.add_stream("libx264", rate=fps)
        stream.height, stream.width, stream.pix_fmt = height, width, PIXEL_FORMAT
        # Opening the file changes the stream's own time base: what frames count in is kept here.
        self._tick = Fraction(1, fps)
        stream.codec_context.time_base = self._tick
        stream.codec_context.thread_count = 1
        # crf 18 looks lossless; pictures this small show every block of a stronger compression.
        stream.options = {"crf": "18", "preset": "veryfast", "g": str(KEY_FRAME_EVERY), "bf": "0"}
        self._stream = stream
        self.frames = 0

    def write(self, pictures: Iterable[NDArray[np.uint8]]) -> None:
        """Append pictures, each uint8 ``[H, W, 3]``."""
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = self.frames, self._tick
            self._container.mux(self._stream.encode(frame))
            self.frames += 1

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()
