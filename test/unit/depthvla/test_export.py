import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from depthvla.data.statistics import read_statistics, write_statistics
from depthvla.model.build import build
from depthvla.model.config import ModelConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.files import load_model, save_model
from depthvla.model.policy import Policy
from depthvla.runtime.failure import WorkerError

Export = Callable[..., Path]


def rewrite(folder: Path, file: str, change: Callable[[dict[str, object]], object]) -> None:
    body = json.loads((folder / file).read_text())
    change(body)
    (folder / file).write_text(json.dumps(body))


def test_a_policy_is_one_folder_that_says_what_it_is(export: Export, small: ModelConfig) -> None:
    folder = export(small, cameras=("observation.images.front",))
    policy = Policy.load(str(folder))
    assert policy.cameras == ("front",)
    assert policy.digest == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    config = json.loads((folder / "config.json").read_text())
    assert config["made"] == {"stage": "train", "job": "0123", "inputs": {"demos": "4567"}, "versions": {"torch": "2"}}
    card = (folder / "README.md").read_text()
    for said in ("`front`", "0123", policy.digest, policy.stats.digest, "- open the drawer"):
        assert said in card


def test_the_same_weights_give_the_same_bytes(export: Export, small: ModelConfig) -> None:
    torch.manual_seed(5)
    first = {p.name: p.read_bytes() for p in export(small).iterdir()}
    torch.manual_seed(5)
    assert {p.name: p.read_bytes() for p in export(small).iterdir()} == first


def test_weights_above_a_size_are_cut_into_files_and_come_back(tmp_path: Path, small: ModelConfig) -> None:
    weights = DepthVLA(small).state_dict()
    digest = save_model(tmp_path, "depthvla-policy", small, weights, largest=20_000)
    names = sorted(p.name for p in tmp_path.glob("*.safetensors"))
    assert len(names) > 2
    assert names[0] == f"model-00001-of-{len(names):05d}.safetensors"
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in weights.values())
    assert {n: set(load_file(tmp_path / n)) for n in names} == {
        n: {tensor for tensor, file in index["weight_map"].items() if file == n} for n in names
    }
    saved = load_model(tmp_path, "depthvla-policy")
    assert saved.digest == digest
    torch.testing.assert_close(dict(saved.weights), dict(weights), rtol=0, atol=0)


def test_a_loaded_model_has_the_mapped_file_as_its_weights(export: Export, small: ModelConfig) -> None:
    saved = load_model(export(small), "depthvla-policy")
    model = build(lambda: DepthVLA(small), saved.weights, "policy")
    for name, p in model.named_parameters():
        assert p.data_ptr() == saved.weights[name].data_ptr()


def test_weights_that_were_changed_are_refused(export: Export, small: ModelConfig) -> None:
    folder = export(small)
    path = folder / "model.safetensors"
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(bytes(body))
    with pytest.raises(WorkerError, match=r"model\.safetensors: its SHA-256 is .*config\.json says"):
        Policy.load(folder)
    path.unlink()
    with pytest.raises(WorkerError, match="No such file"):
        Policy.load(folder)


def test_other_statistics_than_those_of_training_are_an_error(export: Export, small: ModelConfig) -> None:
    folder = export(small)
    statistics = read_statistics(folder)
    # Whole in themselves, but measured on other data.
    write_statistics(folder, dataclasses.replace(statistics, datasets={}))
    with pytest.raises(WorkerError, match=r"statistics\.json has the SHA-256 .* the policy was trained with"):
        Policy.load(folder)
    rewrite(folder, "statistics.json", lambda body: body.pop("mixture"))
    with pytest.raises(WorkerError, match=r"statistics\.json"):
        Policy.load(folder)


def test_weights_of_another_preset_are_refused_by_name(export: Export, small: ModelConfig) -> None:
    folder = export(small)
    rewrite(folder, "config.json", lambda body: body["model"].update(state=7))  # type: ignore[attr-defined]
    expected = r"action\.state\.weight has shape \[12, 3\], expected \[12, 7\]"
    with pytest.raises(WorkerError, match=expected) as caught:
        Policy.load(folder)
    assert caught.value.code == "PRESET_MISMATCH"


def test_missing_and_extra_tensors_are_named(tmp_path: Path, small: ModelConfig) -> None:
    weights = DepthVLA(small).state_dict()
    weights["action.stat.weight"] = weights.pop("action.state.weight")
    with pytest.raises(WorkerError, match=r"action\.state\.weight is missing; action\.stat\.weight is not one of"):
        build(lambda: DepthVLA(small), weights, "policy")


@pytest.mark.parametrize("field", ["files", "model", "kind", "cameras", "statistics_sha256"])
def test_a_config_without_a_field_names_it(export: Export, small: ModelConfig, field: str) -> None:
    folder = export(small)
    rewrite(folder, "config.json", lambda body: body.pop(field))
    with pytest.raises(WorkerError, match=rf"config\.json: '{field}' is missing"):
        Policy.load(folder)


def test_a_size_that_can_not_be_names_folder_and_field(export: Export, small: ModelConfig) -> None:
    folder = export(small)
    rewrite(folder, "config.json", lambda body: body["model"].update(layers="many"))  # type: ignore[attr-defined]
    with pytest.raises(WorkerError, match=rf"{folder}: config\.json: model\.layers can't be \"many\""):
        Policy.load(folder)


def test_a_file_that_config_does_not_name_is_not_looked_at(export: Export, small: ModelConfig) -> None:
    folder = export(small)
    save_file({"x": torch.zeros(1)}, folder / "model-00001-of-00002.safetensors")
    Policy.load(folder)
