"""What a client sends for one decision, checked field by field."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthvla.model.policy import Policy
from depthvla.model.seen import check_depth, check_image, check_vector, invalid
from depthvla.serving.resize import Resize, resize_depth, resize_image

STATE = "observation/state"
PROMPT = "prompt"
SEED = "seed"


@dataclass(frozen=True)
class Seen:
    """One moment.

    Attributes:
        images: uint8 ``[C, H, W, 3]``, black where there is none.
        present: bool ``[C]``.
        state: float32 ``[S]``.
        depth: metres ``[D, H, W]``.
        seed: of the noise; drawn where the client gives none.
    """

    images: NDArray[np.uint8]
    present: NDArray[np.bool_]
    state: NDArray[np.float32]
    prompt: str
    seed: int
    depth: NDArray[np.float32] | None = None


def image_field(camera: str) -> str:
    return f"observation/{camera}"


def depth_field(camera: str) -> str:
    return f"observation/depth/{camera}"


def fields_of(policy: Policy) -> dict[str, str]:
    """What an observation for this policy has in it, and what it looks like."""
    size = policy.image_size
    fields = {image_field(name): f"uint8 [{size}, {size}, 3], RGB" for name in policy.cameras}
    if policy.takes_depth:
        depth = policy.cameras[: policy.config.depth_cameras]
        fields |= {depth_field(name): f"float32 [{size}, {size}], metres, 0 = not measured" for name in depth}
    return {
        **fields,
        STATE: f"float32 [{policy.config.state}]",
        PROMPT: "text",
        SEED: "integer, of the noise; may be left out",
    }


def read_observation(policy: Policy, message: object, resize: Resize) -> Seen:
    """Checks an observation.

    Raises:
        WorkerError: OBSERVATION_INVALID, naming the field.
    """
    fields = fields_of(policy)
    if not isinstance(message, Mapping):
        raise invalid("the observation", f"is a {type(message).__name__}, expected a map of {', '.join(fields)}")
    for name in message:
        if name not in fields:
            raise invalid(str(name), "no such field", f"this policy takes {', '.join(fields)}")
    for name in fields:
        if name not in message and name != SEED:
            raise invalid(name, "is missing")
    prompt, seed = message[PROMPT], message.get(SEED)
    if not isinstance(prompt, str):
        raise invalid(PROMPT, f"is a {type(prompt).__name__}, expected text")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
        raise invalid(SEED, f"is a {type(seed).__name__}, expected an integer")
    size = policy.image_size
    images = np.zeros((len(policy.cameras), size, size, 3), np.uint8)
    given = [message[image_field(name)] for name in policy.cameras]
    present = np.array([image is not None for image in given])
    if not present.any():
        raise invalid(image_field(policy.cameras[0]), "is nil, and so are all other pictures")
    for place, (name, image) in enumerate(zip(policy.cameras, given, strict=True)):
        if image is not None:
            images[place] = check_image(image_field(name), resize_image(image, size, resize), size)
    depth = None
    if policy.takes_depth:
        names = [depth_field(name) for name in policy.cameras[: policy.config.depth_cameras]]
        depth = np.stack([check_depth(n, resize_depth(message[n], size, resize), size) for n in names])
    state = check_vector(STATE, message[STATE], policy.config.state)
    return Seen(images, present, state, str(prompt), secrets.randbits(63) if seed is None else int(seed), depth)
