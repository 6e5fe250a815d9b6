from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.state_dict_saver import save

from depthvla.runtime.average import Average
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.layout import check_cursor, check_layout
from depthvla.runtime.optimizer import make_optimizer
from depthvla.runtime.training import training_state


def state_of(width: int, *, ema: bool) -> dict[str, Tensor]:
    model = nn.Sequential(nn.Linear(3, width), nn.Linear(width, 2))
    optimizer = make_optimizer(model, lr=1e-3, weight_decay=0.1)
    return training_state(model, optimizer, Average(dict(model.named_parameters()), 0.9) if ema else None)


@pytest.fixture
def saved(tmp_path: Path) -> FileSystemReader:
    save(dict(state_of(4, ema=True)), storage_writer=FileSystemWriter(tmp_path), no_dist=True)
    return FileSystemReader(tmp_path)


def test_a_checkpoint_of_the_same_training_is_taken(saved: FileSystemReader) -> None:
    check_layout("c", saved.read_metadata(), state_of(4, ema=True))


def test_a_checkpoint_of_another_preset_is_refused_naming_tensors_and_shapes(saved: FileSystemReader) -> None:
    with pytest.raises(WorkerError) as caught:
        check_layout("c/9/manifest.json", saved.read_metadata(), state_of(5, ema=True))
    assert (caught.value.code, caught.value.exit_code) == ("CHECKPOINT_MISMATCH", 65)
    assert caught.value.message.startswith("checkpoint c/9/manifest.json: model.0.weight is float32 [4, 3], expected ")
    assert "float32 [5, 3]" in caught.value.message
    assert "and 9 more" in caught.value.message


def test_a_checkpoint_with_a_moving_average_too_many_is_refused(saved: FileSystemReader) -> None:
    with pytest.raises(WorkerError, match=r"its ema\.0\.weight is not one of this training's"):
        check_layout("c", saved.read_metadata(), state_of(4, ema=False))


def test_a_checkpoint_of_another_optimizer_or_with_a_tensor_too_few_is_refused(saved: FileSystemReader) -> None:
    state = state_of(4, ema=True)
    with pytest.raises(WorkerError, match=r"it has no optimizer\.0\.bias\.momentum"):
        check_layout("c", saved.read_metadata(), {**state, "optimizer.0.bias.momentum": torch.zeros(4)})
    half = {name: t.half() if name == "model.0.bias" else t for name, t in state.items()}
    with pytest.raises(WorkerError, match=r"model\.0\.bias is float32 \[4\], expected float16 \[4\]"):
        check_layout("c", saved.read_metadata(), half)


def test_a_checkpoint_of_other_statistics_is_refused_and_further_places_are_not_asked() -> None:
    check_cursor("c", {"step": 3, "seed": 0, "statistics": "ab"}, {"seed": 0, "statistics": "ab"})
    with pytest.raises(WorkerError, match="statistics was ab, now cd"):
        check_cursor("c", {"step": 3, "seed": 0, "statistics": "ab"}, {"seed": 0, "statistics": "cd"})
    with pytest.raises(WorkerError, match="statistics was None, now cd"):
        check_cursor("c", None, {"statistics": "cd"})
