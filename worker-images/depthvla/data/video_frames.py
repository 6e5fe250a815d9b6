"""Single pictures out of videos, by their time. A bounded number of videos is kept open."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Generator
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from depthvla.data.broken import broken
from depthvla.streams.path import for_library

_Packets = Generator["av.Packet[VideoStream]", None, None]
_NEAR = 1.0
"""Seconds: what lies that little ahead is decoded on to, which costs less than a seek."""


class Videos:
    """Opens videos as they are asked for. May be shared by threads, each of which has decoders of its own."""

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._open: OrderedDict[tuple[Path, int], _Video] = OrderedDict()
        self._lock = threading.Lock()

    def picture(self, path: Path, seconds: float, fps: float) -> NDArray[np.uint8]:
        """The picture shown at a time, uint8 ``[H, W, 3]``.

        Raises:
            WorkerError: DATA_BROKEN when the file is not a video, or has no picture within half a frame of it.
        """
        with self._lock:
            key = (path, threading.get_ident())
            video = self._open.pop(key, None) or _Video(path)
            self._open[key] = video
            gone = self._open.popitem(last=False)[1] if len(self._open) > self._most else None
        if gone is not None:
            gone.close()
        return video.picture(seconds, 0.5 / fps)


class _Video:
    """One file. A thread that still holds one that was closed opens it again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._container: InputContainer | None = None
        # One demuxer for as long as the file is open: one that is left half-way never gives its packet back (PyAV 18).
        self._packets: _Packets | None = None
        self._frames: deque[av.VideoFrame] = deque()
        self._at = float("inf")

    def close(self) -> None:
        with self._lock:
            self._close()

    def picture(self, seconds: float, tolerance: float) -> NDArray[np.uint8]:
        with self._lock:
            try:
                found = self._find(seconds, tolerance)
            except (av.FFmpegError, IndexError) as error:
                self._close()
                if not self._path.is_file():
                    raise broken(self._path, "no such file, but an episode is said to be in it") from error
                raise broken(self._path, f"not a video that can be read ({error})") from error
        if found is None:
            raise broken(self._path, f"no picture at {seconds:.3f} s, but an episode needs it")
        return np.asarray(found.to_ndarray(format="rgb24"), np.uint8)

    def _find(self, seconds: float, tolerance: float) -> av.VideoFrame | None:
        if self._container is None:
            self._container = av.open(for_library(self._path), "r")
            # One thread each: who reads in several threads does so with several videos.
            self._container.streams.video[0].codec_context.thread_count = 1
        stream = self._container.streams.video[0]
        if not self._at + tolerance < seconds <= self._at + _NEAR:
            assert stream.time_base is not None
            self._container.seek(int(seconds / stream.time_base), stream=stream, backward=True)
            self._frames.clear()
        while (frame := self._next(stream)) is not None:
            self._at = float(frame.time or 0)
            if self._at >= seconds - tolerance:
                return frame if self._at <= seconds + tolerance else None
        self._at = float("inf")
        return None

    def _next(self, stream: VideoStream) -> av.VideoFrame | None:
        """The frame after the last one, or after what was sought; None at the end."""
        assert self._container is not None
        packets = self._packets = self._packets or cast(_Packets, self._container.demux(stream))
        while not self._frames:
            packet = next(packets, None)
            if packet is None:
                self._packets = None
                return None
            self._frames.extend(packet.decode())
        return self._frames.popleft()

    def _close(self) -> None:
        if self._packets is not None:
            self._packets.close()
            self._packets = None
        self._frames.clear()
        self._at = float("inf")
        if self._container is not None:
            self._container.close()
            self._container = None
