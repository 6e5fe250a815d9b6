"""DepthVLA (arXiv 2510.13375): vision-language, depth and action experts in a mixture of transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthvla.model.config import ModelConfig
from depthvla.model.depth import DepthExpert, depth_picture
from depthvla.model.encoder import PictureEncoder
from depthvla.model.flow import encode_time, integrate
from depthvla.model.initial import initialise
from depthvla.model.layers import Expert
from depthvla.model.mixture import KeysValues, Mixed, Stream, mix
from depthvla.model.observation import Observation
from depthvla.model.precision import in_float32
from depthvla.model.text import PADDING
from depthvla.runtime.failure import DATA_ERROR, WorkerError


class VisionLanguage(nn.Module):
    """Pictures and instruction as one prefix that sees itself in both directions, as PaliGemma's.

    PaliGemma divides picture tokens by √width and multiplies all tokens by √width: so words are, pictures aren't.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.width = config.vlm.width
        self.encoder = PictureEncoder(config.image, config.vision, self.width)
        self.words = nn.Embedding(config.text.vocabulary, self.width)
        self.expert = Expert(config, config.vlm)
        initialise(self, config.layers)
        nn.init.normal_(self.words.weight, std=self.width**-0.5)

    def stream(
        self, images: Tensor, words: Tensor, present: Tensor | None, sees: tuple[str, ...]
    ) -> tuple[Stream, Tensor]:
        """uint8 ``[B, C, H, W, 3]`` and int64 ``[B, L]`` as tokens; and which count, bool ``[B, T]``."""
        b, c = images.shape[:2]
        pictures: Tensor = self.encoder(images.flatten(0, 1))
        each = pictures.shape[1]
        tokens = torch.cat((_join(pictures, c), self.words(words) * self.width**0.5), dim=1)
        if present is None:
            present = torch.ones(b, c, dtype=torch.bool, device=words.device)
        valid = torch.cat((present.repeat_interleave(each, dim=1), words != PADDING), dim=1)
        return Stream(self.expert, tokens, torch.arange(tokens.shape[1], device=words.device), sees), valid


class Action(nn.Module):
    """The action expert: proprioception, and noisy actions with their flow time, in; velocities out."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.action.width
        self.width = width
        self.state = nn.Linear(config.state, width)
        self.noisy = nn.Linear(config.actions, width)
        self.join = nn.Linear(2 * width, width)
        self.join_out = nn.Linear(width, width)
        self.expert = Expert(config, config.action)
        self.velocity = nn.Linear(width, config.actions)
        initialise(self, config.layers)
        nn.init.normal_(self.velocity.weight, std=0.02)

    def embed(self, noisy: Tensor, time: Tensor) -> Tensor:
        """``[B, K, H, A]`` and ``[B, K]`` -> tokens ``[B, K × H, W]``; time is joined to each token as in π0."""
        x = self.noisy(noisy)
        t = encode_time(time, self.width).to(x.dtype)[:, :, None].expand(-1, -1, noisy.shape[2], -1)
        out: Tensor = self.join_out(F.silu(self.join(torch.cat((x, t), dim=-1))))
        return out.flatten(1, 2)


@dataclass(frozen=True)
class Prefix:
    """All that doesn't depend on the actions, computed once for any number of flow steps and noise draws."""

    cache: Mapping[str, list[KeysValues | None]]
    valid: Mapping[str, Tensor]
    log_depth: Tensor | None
    """``[B × D + B', H, W]``, log metres."""


class DepthVLA(nn.Module):
    """The whole model. Without a depth expert (`config.depth` is None) it is π0."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.vlm = VisionLanguage(config)
        self.depth = DepthExpert(config) if config.depth else None
        self.action = Action(config)
        _freeze_what_nobody_reads(self.vlm.expert)
        if self.depth and not config.predicts_depth:
            _freeze_what_nobody_reads(self.depth.expert)

    def prefix(self, o: Observation, *, depth_images: Tensor | None = None) -> Prefix:
        """Computes what all action steps share.

        Args:
            depth_images: further pictures ``[B', H, W, 3]`` for the depth loss alone. ``log_depth`` is then of the
                B observations' D pictures each (a moment's cameras follow each other), and of these B'.

        Raises:
            WorkerError: DEPTH_MISSING when the model takes measured depth and there is none.
        """
        names = ("vlm", "depth") if self.depth else ("vlm",)
        apart = self.config.block_mask
        vlm, seen = self.vlm.stream(o.images, o.words, o.present, ("vlm",) if apart else names)
        valid = {"vlm": seen}
        cache: dict[str, list[KeysValues | None]] = {}
        log_depth = None
        wanted = ("depth",) if self.config.predicts_depth else ()
        if self.depth is None or apart:
            cache |= self._mix({"vlm": vlm}, valid=valid, wanted=()).cache
        if self.depth:
            cameras = self.config.depth_cameras
            pictures = self._depth_pictures(o)
            if o.present is not None:
                valid["depth"] = o.present[:, :cameras].repeat_interleave(self.depth.side**2, dim=1)
            if apart:
                # The two never meet, so further pictures ride along with the depth stream, in larger products.
                own = pictures.shape[0]
                tokens = self._depth_tokens(pictures, depth_images)
                alone = self._mix({"depth": self.depth.stream(tokens)}, wanted=wanted)
                cache["depth"] = [
                    kv and (_join_heads(kv[0][:own], cameras), _join_heads(kv[1][:own], cameras))
                    for kv in alone.cache["depth"]
                ]
                log_depth = self.depth.read(alone.hidden["depth"]) if wanted else None
            else:
                tokens = _join(self._depth_tokens(pictures), cameras)
                streams = {"vlm": vlm, "depth": self.depth.stream(tokens, names)}
                mixed = self._mix(streams, valid=valid, wanted=wanted)
                cache |= mixed.cache
                if wanted:
                    hidden = _apart(mixed.hidden["depth"], cameras)
                    further = () if depth_images is None else (self.look(depth_images),)
                    log_depth = torch.cat((self.depth.read(hidden), *further))
        state_token = Stream(
            self.action.expert, self.action.state(o.state)[:, None], self._after_prefix(o.state, 1), (*names, "state")
        )
        proprio = self._mix({"state": state_token}, valid=valid, cache=cache, wanted=())
        return Prefix({**cache, **proprio.cache}, valid, log_depth)

    def velocity(self, prefix: Prefix, noisy: Tensor, time: Tensor) -> Tensor:
        """Velocities of K noise draws at once: ``[B, K, H, A]`` and ``[B, K]`` -> ``[B, K, H, A]``, float32.

        Draws see the prefix and themselves, not each other.
        """
        b, k, h, a = noisy.shape
        draw = torch.arange(k, device=noisy.device).repeat_interleave(h)
        stream = Stream(
            self.action.expert,
            self.action.embed(noisy, time),
            self._after_prefix(noisy, h, offset=1).repeat(k),
            (*prefix.cache.keys(), "action"),
            within=None if k == 1 else draw[:, None] == draw,
        )
        mixed = self._mix({"action": stream}, valid=prefix.valid, cache=prefix.cache)
        out = in_float32(self.action.velocity, mixed.hidden["action"])
        return out.float().view(b, k, h, a)

    def act(self, o: Observation, noise: Tensor) -> Tensor:
        """Normalised actions ``[B, H, A]`` from noise of that shape, in ten Euler steps over one prefix."""
        prefix = self.prefix(o)
        return integrate(lambda x, t: self.velocity(prefix, x[:, None], t[:, None])[:, 0], noise)

    def look(self, images: Tensor) -> Tensor:
        """Log metres ``[B, H, W]`` of pictures uint8 ``[B, H, W, 3]`` that come with no instruction."""
        assert self.depth is not None
        if self.config.block_mask:
            return self.depth(images)  # type: ignore[no-any-return]
        b, device, both = images.shape[0], images.device, ("vlm", "depth")
        words = torch.full((b, self.config.text.length), PADDING, dtype=torch.int64, device=device)
        vlm, seen = self.vlm.stream(images[:, None], words, None, both)
        streams = {"vlm": vlm, "depth": self.depth.stream(self.depth.tokens(images), both)}
        return self.depth.read(self._mix(streams, valid={"vlm": seen}, wanted=("depth",)).hidden["depth"])

    def _depth_pictures(self, o: Observation) -> Tensor:
        """What the depth expert is shown: ``[B × D, H, W, 3]``."""
        cameras = self.config.depth_cameras
        if self.config.depth_input == "pictures":
            return o.images[:, :cameras].flatten(0, 1)
        if o.depth is None:
            raise WorkerError(
                "DEPTH_MISSING", "this policy takes measured depth, and the observation has none", exit_code=DATA_ERROR
            )
        return depth_picture(o.depth[:, :cameras].flatten(0, 1))

    def _depth_tokens(self, pictures: Tensor, further: Tensor | None = None) -> Tensor:
        """``[B × D + B', T, W]``; tokens of all cameras but the first are marked as such."""
        assert self.depth
        tokens = self.depth.tokens(pictures if further is None else torch.cat((pictures, further)))
        if self.depth.camera is None:
            return tokens
        mark = torch.cat((torch.zeros_like(self.depth.camera[:1]), self.depth.camera))
        own = tokens[: len(pictures)] + mark.repeat(len(pictures) // len(mark), 1)[:, None]
        return torch.cat((own, tokens[len(pictures) :]))

    def _after_prefix(self, like: Tensor, count: int, offset: int = 0) -> Tensor:
        """Positions that follow the longest prefix stream, whatever the length of an instruction."""
        c = self.config
        start = max(
            c.cameras * (c.image // c.vision.patch) ** 2 + c.text.length, (c.image // c.depth_vision.patch) ** 2
        )
        return torch.arange(start + offset, start + offset + count, device=like.device)

    def _mix(
        self,
        streams: Mapping[str, Stream],
        *,
        valid: Mapping[str, Tensor] | None = None,
        cache: Mapping[str, list[KeysValues | None]] | None = None,
        wanted: tuple[str, ...] | None = None,
    ) -> Mixed:
        return mix(
            streams, head_dim=self.config.head_dim, rope_base=self.config.rope_base,
            valid=valid, cache=cache, wanted=wanted,
        )  # fmt: skip


def _join(x: Tensor, cameras: int) -> Tensor:
    """Tokens of one picture a row, as those of one moment a row: ``[B × D, T, W]`` -> ``[B, D × T, W]``."""
    return x.reshape(x.shape[0] // cameras, cameras * x.shape[1], x.shape[2])


def _apart(x: Tensor, cameras: int) -> Tensor:
    """The other way round."""
    return x.reshape(x.shape[0] * cameras, x.shape[1] // cameras, x.shape[2])


def _join_heads(x: Tensor, cameras: int) -> Tensor:
    """The same of keys or values: ``[B × D, N, T, E]`` -> ``[B, N, D × T, E]``."""
    rows, heads, tokens, size = x.shape
    own = x.reshape(rows // cameras, cameras, heads, tokens, size).transpose(1, 2)
    return own.reshape(rows // cameras, heads, cameras * tokens, size)


def _freeze_what_nobody_reads(expert: Expert) -> None:
    """Of an expert whose last tokens go nowhere, the last keys and values are all that counts: what comes after them
    gets no gradient, so it isn't trained."""
    last = expert.layers[-1]
    last.outward.requires_grad_(False)
    expert.norm.requires_grad_(False)
