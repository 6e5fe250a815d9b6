"""What is wrong with a checkpoint is said by file and tensor, before anything of a model is changed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from depthvla.runtime.failure import WorkerError
from depthvla.weights.checkpoint import open_checkpoint
from depthvla.weights.hub import download
from depthvla.weights.load import load_weights
from depthvla.weights.recipe import Piece, Recipe, stack

RECIPE = Recipe(
    family="Thing",
    settings={"model_type": "thing", "inner.heads": 2},
    defaults={"inner.heads": 2},
    renames=[(r"^model\.", "")],
    pieces=[
        Piece("weight", {"a.weight": (1, 3), "b.weight": (1, 3)}, stack),
        Piece("bias", {"bias": (2,)}),
    ],
    pixels=((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    unused={"head.": "ours is another"},
    tied={"copy": "bias"},
)
A, B = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def whole() -> dict[str, torch.Tensor]:
    return {
        "model.a.weight": torch.tensor([[1.0, 2.0, 3.0]]),
        "model.b.weight": torch.tensor([[4.0, 5.0, 6.0]]),
        "bias": torch.tensor([7.0, 8.0]),
        "head.x": torch.zeros(5),
    }


def write(folder: Path, tensors: dict[str, torch.Tensor], config: dict[str, object] | None = None) -> None:
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "thing"} | (config or {})))


def write_shards(folder: Path) -> None:
    tensors = whole()
    write(folder, {})
    (folder / "model.safetensors").unlink()
    save_file({"bias": tensors.pop("bias")}, folder / A)
    save_file(tensors, folder / B)
    index = {"metadata": {}, "weight_map": {"bias": A} | dict.fromkeys(tensors, B)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def remap(folder: Path, **changes: str) -> None:
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    path.write_text(json.dumps({"weight_map": index["weight_map"] | changes}))


def load(folder: Path) -> tuple[nn.Linear, str]:
    module = nn.Linear(3, 2)
    with open_checkpoint(folder) as checkpoint:
        return module, str(load_weights(module, RECIPE, checkpoint))


@pytest.mark.parametrize("shards", [False, True])
def test_one_file_and_shards_give_the_same_weights_and_name_what_is_left(tmp_path: Path, shards: bool) -> None:
    if shards:
        write_shards(tmp_path)
    else:
        write(tmp_path, whole())
    module, said = load(tmp_path)
    assert module.weight.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert module.bias.tolist() == [7, 8]
    assert said == "Thing: 3 tensors used; not used: head.x (ours is another)"


def test_types_are_brought_to_the_models(tmp_path: Path) -> None:
    write(tmp_path, {name: t.to(torch.bfloat16) for name, t in whole().items()})
    module, _ = load(tmp_path)
    assert module.weight.dtype == torch.float32
    assert module.weight.tolist() == [[1, 2, 3], [4, 5, 6]]


def truncated(folder: Path) -> None:
    write(folder, whole())
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-9])


def without(name: str) -> dict[str, torch.Tensor]:
    return {k: v for k, v in whole().items() if k != name}


def then(folder: Path, change: Callable[[], object]) -> None:
    write_shards(folder)
    change()


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a missing tensor": (lambda f: write(f, without("model.a.weight")), r"Thing: a\.weight is missing"),
    "a tensor of another shape": (
        lambda f: write(f, whole() | {"model.b.weight": torch.zeros(2, 3)}),
        r"model\.safetensors: model\.b\.weight has shape \[2, 3\], not \[1, 3\]",
    ),
    "a tensor that nobody knows": (
        lambda f: write(f, whole() | {"model.a.lora": torch.zeros(1)}),
        r"model\.safetensors: model\.a\.lora is unknown",
    ),
    "quantised weights": (
        lambda f: write(f, whole() | {"bias": torch.zeros(2, dtype=torch.int8)}),
        r"model\.safetensors: bias is of type I8",
    ),
    "several at once": (
        lambda f: write(f, without("bias") | {"other": torch.zeros(1)}),
        r"bias is missing; model\.safetensors: other is unknown",
    ),
    "the same tensor in two layouts": (
        lambda f: write(f, whole() | {"a.weight": torch.zeros(1, 3)}),
        r"a\.weight and model\.a\.weight|model\.a\.weight and a\.weight",
    ),
    "a copy that differs": (
        lambda f: write(f, whole() | {"copy": torch.zeros(2)}),
        r"model\.safetensors: copy is not bias, which it must repeat",
    ),
    "another class of model": (
        lambda f: write(f, whole(), {"model_type": "llama"}),
        r"config\.json: no Thing of this size: model_type is 'llama', not 'thing'",
    ),
    "a number that no shape shows": (
        lambda f: write(f, whole(), {"inner": {"heads": 4}}),
        r"config\.json: .*inner\.heads is 4, not 2",
    ),
    "pictures prepared otherwise": (
        lambda f: (write(f, whole()), (f / "preprocessor_config.json").write_text('{"image_mean": [0.4, 0.4, 0.4]}')),
        r"preprocessor_config\.json: .*image_mean is \[0\.4",
    ),
    "no config": (lambda f: (write(f, whole()), (f / "config.json").unlink()), r"config\.json can't be read"),
    "no weights": (lambda f: (write(f, whole()), (f / "model.safetensors").unlink()), r"needs model\.safetensors"),
    "pickled weights": (
        lambda f: (write(f, {}), (f / "model.safetensors").rename(f / "pytorch_model.bin")),
        r"only pytorch_model\.bin, which isn't read",
    ),
    "half a file": (truncated, r"model\.safetensors can't be read"),
    "a missing shard": (lambda f: then(f, (f / A).unlink), r"model-00001-of-00002\.safetensors is missing"),
    "an index that promises too much": (
        lambda f: then(f, lambda: remap(f, more=B)),
        r"model-00002-of-00002\.safetensors has no tensor more",
    ),
    "an index that is wrong": (
        lambda f: then(f, lambda: remap(f, **{"head.x": A})),
        r"index\.json puts head\.x into model-00001.*, it is in model-00002",
    ),
    "an index that leads outside": (lambda f: then(f, lambda: remap(f, bias="../x")), r"`weight_map` must name"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_checkpoint_is_named_by_file_and_tensor(tmp_path: Path, what: str) -> None:
    make, said = BROKEN[what]
    make(tmp_path)
    module = nn.Linear(3, 2)
    before = module.weight.clone()
    with pytest.raises(WorkerError, match=said) as caught, open_checkpoint(tmp_path) as checkpoint:
        load_weights(module, RECIPE, checkpoint)
    assert caught.value.code == "WEIGHTS_INVALID"
    assert str(tmp_path) in caught.value.message
    assert torch.equal(module.weight, before)


@pytest.mark.parametrize(
    "address", ["google/paligemma-3b-pt-224", "google/paligemma-3b-pt-224@main", "paligemma@" + "0" * 40]
)
def test_a_name_without_a_commit_is_refused_without_asking_anybody(address: str) -> None:
    with pytest.raises(WorkerError, match="40 hexadecimal digits"):
        download(address, None)


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str | None]]]:
    """A server that refuses as the hub does for a model whose licence nobody accepted; and the tokens that it saw."""
    seen: list[str | None] = []

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.send_response(403)
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


ASK = """
import sys
from depthvla.runtime.failure import WorkerError
from depthvla.weights.hub import download
for token in (None, "secret"):
    try:
        download("some/thing@" + "0" * 40, token)
    except WorkerError as error:
        print(error.code, error.exit_code, error.message, error.hint, sep="|")
"""


def ask(home: Path, **settings: str) -> list[list[str]]:
    environment = {**os.environ, "HF_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), **settings}
    environment.pop("HF_TOKEN", None)
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    return [line.split("|") for line in done.stdout.splitlines()]


def test_a_gated_model_says_to_accept_its_licence_and_gets_only_the_token_that_was_named(
    hub: tuple[str, list[str | None]], tmp_path: Path
) -> None:
    endpoint, seen = hub
    answers = ask(tmp_path, HF_ENDPOINT=endpoint)
    assert [a[:2] for a in answers] == [["WEIGHTS_DENIED", "78"]] * 2
    assert "HF_TOKEN" in answers[0][3]
    assert None in seen
    assert "Bearer secret" in seen
    assert all(token in (None, "Bearer secret") for token in seen)


def test_without_a_network_it_says_what_could_not_be_downloaded_and_what_to_do(tmp_path: Path) -> None:
    # Said to be offline, or the library would try again for half a minute.
    first, _ = ask(tmp_path, HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert first[0] == "WEIGHTS_UNREACHABLE"
    assert f"some/thing@{'0' * 40}" in first[2]
    assert "bind its folder" in first[3]
