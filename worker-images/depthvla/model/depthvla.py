"""DepthVLA (arXiv 2510.13375): vision-language, depth and action experts in a mixture of transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthvla.model.config import ModelConfig
from depthvla.model.depth import DepthExpert
from depthvla.model.encoder import PictureEncoder
from depthvla.model.flow import encode_time, integrate
from depthvla.model.initial import initialise
from depthvla.model.layers import Expert
from depthvla.model.mixture import KeysValues, Mixed, Stream, mix
from depthvla.model.text import PADDING


class VisionLanguage(nn.Module):
    """Picture and instruction as one prefix that sees itself in both directions, as PaliGemma's."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.encoder = PictureEncoder(config.image, config.vision, config.vlm.width)
        self.words = nn.Embedding(config.text.buckets, config.vlm.width)
        self.expert = Expert(config, config.vlm)
        initialise(self, config.layers)
        nn.init.normal_(self.words.weight)

    def stream(self, images: Tensor, words: Tensor, sees: tuple[str, ...]) -> tuple[Stream, Tensor]:
        """uint8 ``[B, H, W, 3]`` and int64 ``[B, L]`` as tokens; and which are not padding, bool ``[B, T]``."""
        pictures = self.encoder(images)
        tokens = torch.cat((pictures, self.words(words)), dim=1)
        seen = torch.ones(pictures.shape[:2], dtype=torch.bool, device=words.device)
        valid = torch.cat((seen, words != PADDING), dim=1)
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
        t = encode_time(time, self.width)[:, :, None].expand(-1, -1, noisy.shape[2], -1)
        x: Tensor = self.join_out(F.silu(self.join(torch.cat((self.noisy(noisy), t), dim=-1))))
        return x.flatten(1, 2)


@dataclass(frozen=True)
class Prefix:
    """All that doesn't depend on the actions, computed once for any number of flow steps and noise draws."""

    cache: Mapping[str, list[KeysValues]]
    valid: Mapping[str, Tensor]
    log_depth: Tensor | None
    """``[B, H, W]``, log metres."""


class DepthVLA(nn.Module):
    """The whole model. Without a depth expert (`config.depth` is None) it is π0."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.vlm = VisionLanguage(config)
        self.depth = DepthExpert(config) if config.depth else None
        self.action = Action(config)
        # No loss reads what the VLM says after its last keys and values; weights without a gradient aren't trained.
        last = self.vlm.expert.layer(config.layers - 1)
        for part in (last.out, last.mlp_norm, last.mlp, self.vlm.expert.norm):
            part.requires_grad_(False)

    def prefix(self, images: Tensor, words: Tensor, state: Tensor, *, depth_images: Tensor | None = None) -> Prefix:
        """Computes what all action steps share.

        Args:
            images: uint8 ``[B, H, W, 3]``
            words: int64 ``[B, L]``, 0 = padding.
            state: ``[B, S]``, normalised.
            depth_images: further pictures ``[B', H, W, 3]`` for the depth loss alone; then ``log_depth`` is of
                B + B' pictures.
        """
        names = ("vlm", "depth") if self.depth else ("vlm",)
        apart = self.config.block_mask
        vlm, seen = self.vlm.stream(images, words, ("vlm",) if apart else names)
        valid, streams = {"vlm": seen}, {"vlm": vlm}
        cache: dict[str, list[KeysValues]] = {}
        log_depth = None
        if self.depth and apart:
            # The two never meet, so further pictures ride along with the depth stream, in larger products.
            every = images if depth_images is None else torch.cat((images, depth_images))
            alone = self._mix({"depth": self.depth.stream(every)})
            log_depth = self.depth.read(alone.hidden["depth"])
            cache["depth"] = [(k[: len(images)], v[: len(images)]) for k, v in alone.cache["depth"]]
            cache |= self._mix(streams, valid=valid, wanted=()).cache
        elif self.depth:
            streams["depth"] = self.depth.stream(images, names)
            mixed = self._mix(streams, valid=valid, wanted=("depth",))
            log_depth = self.depth.read(mixed.hidden["depth"])
            if depth_images is not None:
                log_depth = torch.cat((log_depth, self.look(depth_images)))
            cache |= mixed.cache
        else:
            cache |= self._mix(streams, valid=valid, wanted=()).cache
        state_token = Stream(
            self.action.expert, self.action.state(state)[:, None], self._after_prefix(state, 1), (*names, "state")
        )
        proprio = self._mix({"state": state_token}, valid=valid, cache=cache, wanted=())
        return Prefix({**cache, **proprio.cache}, valid, log_depth)

    def velocity(self, prefix: Prefix, noisy: Tensor, time: Tensor) -> Tensor:
        """Velocities of K noise draws at once: ``[B, K, H, A]`` and ``[B, K]`` -> ``[B, K, H, A]``.

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
        out: Tensor = self.action.velocity(mixed.hidden["action"])
        return out.view(b, k, h, a)

    def act(self, images: Tensor, words: Tensor, state: Tensor, noise: Tensor) -> Tensor:
        """Normalised actions ``[B, H, A]`` from noise of that shape, in ten Euler steps over one prefix."""
        prefix = self.prefix(images, words, state)
        return integrate(lambda x, t: self.velocity(prefix, x[:, None], t[:, None])[:, 0], noise)

    def look(self, images: Tensor) -> Tensor:
        """Log metres ``[B, H, W]`` of pictures that come with no instruction."""
        assert self.depth is not None
        if self.config.block_mask:
            return self.depth(images)  # type: ignore[no-any-return]
        words = torch.zeros(images.shape[0], self.config.text.length, dtype=torch.int64, device=images.device)
        both = ("vlm", "depth")
        vlm, seen = self.vlm.stream(images, words, both)
        streams = {"vlm": vlm, "depth": self.depth.stream(images, both)}
        return self.depth.read(self._mix(streams, valid={"vlm": seen}, wanted=("depth",)).hidden["depth"])

    def _after_prefix(self, like: Tensor, count: int, offset: int = 0) -> Tensor:
        """Positions that follow the longest prefix stream, whatever the length of an instruction."""
        vision, depth = self.config.vision, self.config.depth_vision
        start = max(
            (self.config.image // vision.patch) ** 2 + self.config.text.length, (self.config.image // depth.patch) ** 2
        )
        return torch.arange(start + offset, start + offset + count, device=like.device)

    def _mix(
        self,
        streams: Mapping[str, Stream],
        *,
        valid: Mapping[str, Tensor] | None = None,
        cache: Mapping[str, list[KeysValues]] | None = None,
        wanted: tuple[str, ...] | None = None,
    ) -> Mixed:
        return mix(
            streams, head_dim=self.config.head_dim, rope_base=self.config.rope_base,
            valid=valid, cache=cache, wanted=wanted,
        )  # fmt: skip
