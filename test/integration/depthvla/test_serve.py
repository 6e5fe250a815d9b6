"""A served policy, over real sockets; most of it seen through a reader and a writer of msgpack that aren't ours."""

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from websockets.sync.client import connect

from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, TextConfig
from depthvla.model.policy import Policy, Running
from depthvla.runtime.failure import WorkerError
from depthvla.serving.client import connected
from depthvla.serving.resize import Resize
from depthvla.serving.server import PolicyServer
from msgpack_by_hand import pack, unpack
from random_policy import write_random_policy

WORKERS = Path(__file__).parents[3] / "worker-images"
SIZE = 16
CONFIG = ModelConfig(
    image=SIZE, layers=2, heads=2, head_dim=8,
    vlm=ExpertConfig(16, 24), action=ExpertConfig(16, 24), depth=ExpertConfig(16, 24),
    vision=EncoderConfig(8, 16), depth_vision=EncoderConfig(8, 16),
    text=TextConfig(vocabulary=64, length=5), cameras=2, state=3, actions=2, horizon=4,
)  # fmt: skip
FRONT, WRIST, STATE = "observation/image", "observation/wrist_image", "observation/state"
ONE = Running(rows=1)


def export(folder: Path, config: ModelConfig = CONFIG) -> Path:
    torch.manual_seed(0)
    return write_random_policy(folder, config, ("image", "wrist_image"))


def observation(changes: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """As openpi's LIBERO client sends it."""
    rng = np.random.default_rng(0)
    seen = {name: rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8) for name in (FRONT, WRIST)}
    return {**seen, STATE: np.array([0.1, -0.2, 0.3]), "prompt": "open the drawer", "seed": 7, **changes}


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in observation().items() if field != name}


def array(**changes: Any) -> bytes:
    """A message that is an array of one number, or almost."""
    fields = {"data": b"1234", "dtype": "<f4", "shape": [1], **changes}
    return pack({b"__ndarray__": True, **{name.encode(): value for name, value in fields.items()}})


UNREADABLE = "MESSAGE_INVALID: the message can't be read"
Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves a policy from a thread; gives the address."""
    running = []

    def start(config: ModelConfig = CONFIG, resize: Resize = "no") -> str:
        policy = Policy.load(export(tmp_path / "policy", config), ONE)
        listening = PolicyServer(policy, resize).listen("127.0.0.1", 0)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        running.append((listening, thread))
        return "ws://{}:{}".format(*listening.socket.getsockname())

    yield start
    for listening, thread in running:
        listening.shutdown()
        thread.join()


def test_an_openpi_client_is_told_what_the_policy_takes_and_gets_its_actions(serve: Serve, tmp_path: Path) -> None:
    with connect(serve(), compression=None) as client:
        told = unpack(client.recv())
        assert told["cameras"] == ["image", "wrist_image"]
        assert (told["image_size"], told["state_size"], told["action_size"], told["action_horizon"]) == (16, 3, 2, 4)
        assert set(told["observation"]) == set(observation())
        client.send(pack(observation()))
        first = unpack(client.recv())
        client.send(pack(observation()))
        second = unpack(client.recv())
    policy = Policy.load(tmp_path / "policy", ONE)
    seen = observation()
    images = np.stack([seen[FRONT], seen[WRIST]])[None]
    actions = policy.act(images, seen[STATE][None].astype(np.float32), ["open the drawer"], [7])
    assert told["policy"] == policy.digest
    assert told["statistics"] == policy.stats.digest
    assert first["actions"].dtype == np.float32
    assert_array_equal(first["actions"], actions[0])
    assert_array_equal(second["actions"], actions[0])
    assert 0 < first["policy_timing"]["infer_ms"] <= first["server_timing"]["infer_ms"]
    assert "prev_total_ms" not in first["server_timing"]
    assert second["server_timing"]["prev_total_ms"] >= first["server_timing"]["infer_ms"]


def test_what_is_wrong_with_an_observation_is_said_and_the_connection_lives_on(serve: Serve) -> None:
    image = observation()[FRONT]
    upright = image.transpose(2, 0, 1).copy()
    wrong: list[tuple[bytes | str | dict[str, Any], str]] = [
        ({FRONT: image[:8]}, rf"{FRONT}: has shape \[8, 16, 3\], expected \[16, 16, 3\]"),
        ({FRONT: upright}, rf"{FRONT}: has shape \[3, 16, 16\]: colours come last"),
        ({FRONT: image / 255}, f"{FRONT}: is float64, expected uint8"),
        ({FRONT: "a"}, f"{FRONT}: is a str, expected an array"),
        ({FRONT: None, WRIST: None}, f"{FRONT}: is nil, and so"),
        (pack(without(WRIST)), f"{WRIST}: is missing"),
        ({"observation/third": image}, f"observation/third: no such field\nthis policy takes {FRONT}, {WRIST}"),
        ({STATE: np.zeros(4)}, rf"{STATE}: has shape \[4\], expected \[3\]"),
        ({STATE: np.array(["a", "b", "c"])}, f"{STATE}: is <U1, expected numbers"),
        ({STATE: np.array([0, np.nan, 0])}, f"{STATE}: dimension 1 is nan"),
        ({STATE: np.array([0, 0, 1e300])}, f"{STATE}: dimension 2 is inf"),
        ({"prompt": 3}, "prompt: is a int, expected text"),
        ({"prompt": "a b c d e f"}, "the instruction 'a b c d e f' has 6 tokens, at most 5 fit"),
        ({"seed": 0.5}, "seed: is a float"),
        (pack([1, 2]), "the observation: is a list, expected a map"),
        (b"\xc1garbage", UNREADABLE),
        (b"", UNREADABLE),
        (pack(observation())[:-3], UNREADABLE),
        (array(shape=[-1]), rf"{UNREADABLE}: an array can't have the shape \[-1\]"),
        (array(shape=[2]), UNREADABLE),
        (array(shape=3), UNREADABLE),
        (array(dtype="|O"), f"{UNREADABLE}: arrays of object aren't taken"),
        (array(dtype="<x9"), UNREADABLE),
        (pack({b"__ndarray__": True}), UNREADABLE),
        ("text", f"{UNREADABLE}: it is text"),
    ]
    with connect(serve(), compression=None) as client:
        client.recv()
        for message, said in wrong:
            client.send(pack(observation(message)) if isinstance(message, dict) else message)
            reply = client.recv()
            assert isinstance(reply, str), said
            assert re.search(said, reply), reply
            assert re.match(r"[A-Z_]+: ", reply), reply
        client.send(pack(observation()))
        assert unpack(client.recv())["actions"].shape == (4, 2)


def test_a_picture_that_is_not_there_is_seen_by_nobody(serve: Serve) -> None:
    with connected(serve()) as client:
        alone = client.infer(observation({WRIST: None}))["actions"]
        both = client.infer(observation({WRIST: np.zeros((SIZE, SIZE, 3), np.uint8)}))["actions"]
    assert np.abs(alone - both).max() > 1e-4


def test_without_a_seed_one_is_drawn_and_told(serve: Serve) -> None:
    with connected(serve()) as client:
        first, second = client.infer(without("seed")), client.infer(without("seed"))
        assert first["seed"] != second["seed"]
        assert_array_equal(client.infer(observation({"seed": first["seed"]}))["actions"], first["actions"])


def test_our_client_says_what_the_server_refused(serve: Serve) -> None:
    with connected(serve()) as client:
        with pytest.raises(WorkerError, match="OBSERVATION_INVALID: observation/image: is missing"):
            client.infer(without(FRONT))
        assert client.infer(observation())["actions"].shape == (4, 2)
        assert client.metadata["image_size"] == SIZE


def test_a_policy_that_takes_measured_depth_is_given_it(serve: Serve) -> None:
    with connected(serve(replace(CONFIG, depth_input="measured"))) as client:
        field = "observation/depth/image"
        assert "metres" in client.metadata["observation"][field]
        depth = np.full((SIZE, SIZE), 1.5, np.float32)
        depth[0] = np.nan
        near = client.infer(observation({field: depth}))["actions"]
        assert np.abs(near - client.infer(observation({field: depth * 2}))["actions"]).max() > 1e-5
        for wrong, said in [
            (None, "is missing"),
            ((np.nan_to_num(depth) * 1000).astype(np.uint16), "is uint16, expected float32 in metres"),
            (depth * 1000, "its middle is 1.5e[+]03: not metres"),
            (depth * 0, "no pixel is measured"),
            (depth[:8], r"has shape \[8, 16\], expected \[16, 16\]"),
        ]:
            with pytest.raises(WorkerError, match=f"{field}: {said}"):
                client.infer(observation() if wrong is None else observation({field: wrong}))


@pytest.mark.parametrize("resize", ["pad", "cut"])
def test_pictures_of_another_size_are_resized_if_that_was_asked_for(serve: Serve, resize: Resize) -> None:
    with connected(serve(resize=resize)) as client:
        image = np.full((20, 40, 3), 200, np.uint8)
        inside = np.full((SIZE, SIZE, 3), 200, np.uint8)
        if resize == "pad":
            inside[:4] = inside[12:] = 0
        wide = client.infer(observation({FRONT: image}))["actions"]
        assert_array_equal(wide, client.infer(observation({FRONT: inside}))["actions"])
        with pytest.raises(WorkerError, match="is float64"):
            client.infer(observation({FRONT: image / 255}))


def test_the_command_serves_until_it_is_stopped(tmp_path: Path) -> None:
    folder = export(tmp_path / "policy")
    command = [sys.executable, "-m", "depthvla.serve", str(folder), "--port", "0"]
    process = subprocess.Popen(command, cwd=WORKERS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        said = process.stdout.readline()
        (url,) = re.findall(r"ws://127\.0\.0\.1:\d+", said)
        with urllib.request.urlopen(url.replace("ws", "http", 1) + "/healthz") as health:
            assert (health.status, health.read()) == (200, b"OK\n")
        with connected(url) as one, connected(url) as other:
            assert_array_equal(one.infer(observation())["actions"], other.infer(observation())["actions"])
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        assert process.stderr
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()


def test_the_command_refuses_what_is_no_policy_before_it_listens(tmp_path: Path) -> None:
    folder = export(tmp_path / "policy")
    body = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**body, "statistics_sha256": "0" * 64}))
    command = [sys.executable, "-m", "depthvla.serve", str(folder), "--port", "0"]
    done = subprocess.run(command, cwd=WORKERS, capture_output=True, text=True, check=False)
    assert done.returncode == 65
    assert done.stdout == ""
    assert done.stderr.startswith(f"STATISTICS_INVALID: {folder}/statistics.json has the SHA-256")
