"""Our models against Hugging Face's with the same weights, which went through the real loader.

Nothing can be downloaded where this runs, so the weights are random and the models small; the full sizes are compared
by name and shape.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    Dinov2Model,
    GemmaConfig,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    SiglipVisionConfig,
)
from transformers.utils.logging import disable_progress_bar

from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, TextConfig
from depthvla.model.depth import DepthExpert
from depthvla.model.depthvla import DepthVLA, VisionLanguage
from depthvla.model.encoder import PictureEncoder
from depthvla.model.mixture import Mixed, mix
from depthvla.model.presets import DINOV2_LARGE, IMAGENET, PRESETS
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import Job, read_job
from depthvla.weights.checkpoint import Checkpoint, Stored, open_checkpoint
from depthvla.weights.dinov2 import depth_anything, dinov2
from depthvla.weights.load import check_weights, load_weights
from depthvla.weights.paligemma import paligemma
from depthvla.weights.recipe import Recipe
from depthvla.weights.start import start_encoder, start_vlm

disable_progress_bar()

SIGLIP = EncoderConfig(14, 24, layers=2, heads=2, mlp=40)
DINO = EncoderConfig(
    14, 24, layers=3, heads=2, mlp=96, mean=IMAGENET[0], std=IMAGENET[1],
    class_token=True, layer_scale=True, gelu="exact",
)  # fmt: skip
CONFIG = ModelConfig(
    image=28, layers=2, heads=4, head_dim=8, kv_heads=1,
    vlm=ExpertConfig(32, 48), action=ExpertConfig(16, 24), depth=None, vision=SIGLIP, depth_vision=DINO,
    text=TextConfig("sentencepiece", 50, 6),
)  # fmt: skip
IMAGE_TOKEN = 49
WORDS = torch.tensor([[2, 7, 30, 11, 5, 0], [2, 9, 0, 0, 0, 0]])
"""Two instructions with padding at their ends."""


def randomised(model: nn.Module) -> nn.Module:
    """Every parameter away from what it starts at: gains of 1 and biases of 0 would hide mistakes."""
    with torch.no_grad():
        for p in model.parameters():
            p += 0.1 * torch.randn(p.shape)
    return model.eval()


@pytest.fixture(scope="module")
def their_paligemma() -> Any:
    torch.manual_seed(0)
    config = PaliGemmaConfig(
        text_config=GemmaConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1,
            head_dim=8, vocab_size=50,
        ),
        vision_config=SiglipVisionConfig(
            hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, image_size=28,
            patch_size=14, vision_use_head=False,
        ),
        projection_dim=32, hidden_size=32, image_token_index=IMAGE_TOKEN,
    )  # fmt: skip
    return randomised(PaliGemmaForConditionalGeneration(config))


def dino_config(**more: Any) -> Dinov2Config:
    return Dinov2Config(hidden_size=24, num_hidden_layers=3, num_attention_heads=2, image_size=42, **more)


@pytest.fixture(scope="module")
def their_dinov2() -> Any:
    torch.manual_seed(1)
    return randomised(Dinov2Model(dino_config()))


@pytest.fixture(scope="module")
def their_depth_anything() -> Any:
    torch.manual_seed(2)
    backbone = dino_config(out_indices=[1, 2, 3], reshape_hidden_states=False)
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=24, reassemble_factors=[2, 1, 0.5],
        neck_hidden_sizes=[4, 8, 12], fusion_hidden_size=8, head_hidden_size=4,
    )  # fmt: skip
    return randomised(DepthAnythingForDepthEstimation(config))


def pictures(size: int) -> Tensor:
    return torch.randint(0, 256, (2, size, size, 3), generator=torch.Generator().manual_seed(3)).to(torch.uint8)


def as_theirs(images: Tensor, config: EncoderConfig) -> Tensor:
    pixels = (images.double() / 255 - torch.tensor(config.mean)) / torch.tensor(config.std)
    return pixels.float().permute(0, 3, 1, 2)


def outputs_of(modules: Any, run: Callable[[], Any]) -> list[Tensor]:
    """What each of the modules gives during a call."""
    seen: list[Tensor] = []
    hooks = [m.register_forward_hook(lambda _m, _i, out: seen.append(out)) for m in modules]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return seen


def assert_same(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert b.abs().max() > 0.1
        assert (a - b).abs().max() <= 1e-5


def paligemma_of(folder: Path) -> VisionLanguage:
    model = VisionLanguage(CONFIG)
    with open_checkpoint(folder) as checkpoint:
        load_weights(model, paligemma(CONFIG, checkpoint.config), checkpoint)
    return model


def read(model: VisionLanguage, images: Tensor) -> Mixed:
    stream, valid = model.stream(images[:, None], WORDS, None, ("vlm",))
    return mix({"vlm": stream}, head_dim=CONFIG.head_dim, rope_base=CONFIG.rope_base, valid={"vlm": valid})


def hub_names(folder: Path) -> None:
    """SigLIP's names as the hub has them, with `vision_model`: transformers 5 reads but no longer writes them."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    save_file(
        {name.replace("vision_tower.", "vision_tower.vision_model."): t for name, t in tensors.items()},
        folder / "model.safetensors",
    )


LAYOUTS: dict[str, Callable[[Any, Path], None]] = {
    "hub": lambda model, folder: (model.save_pretrained(folder), hub_names(folder))[0],
    "saved by transformers 5": lambda model, folder: model.save_pretrained(folder),
    "transformers 5's own": lambda model, folder: model.save_pretrained(folder, save_original_format=False),
    "shards": lambda model, folder: model.save_pretrained(folder, max_shard_size="20KB"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_paligemma_gives_the_same_logits_in_every_layout(their_paligemma: Any, tmp_path: Path, layout: str) -> None:
    LAYOUTS[layout](their_paligemma, tmp_path)
    assert (len(list(tmp_path.glob("*.safetensors"))) > 3) == (layout == "shards")
    ours, images = paligemma_of(tmp_path), pictures(28)
    theirs = their_paligemma.model
    ids = torch.cat((torch.full((2, 4), IMAGE_TOKEN), WORDS), dim=1)
    seen = torch.cat((torch.ones(2, 4), WORDS != 0), dim=1).long()

    def run() -> None:
        # All of it is prefix (type 0): seen in both directions, and padding by nobody.
        their_paligemma(
            input_ids=ids, pixel_values=as_theirs(images, SIGLIP), attention_mask=seen, token_type_ids=ids * 0
        )

    parts = [
        (ours.encoder.layers, theirs.vision_tower.encoder.layers),
        ([ours.encoder], [theirs.multi_modal_projector]),
        ([layer.outward for layer in ours.expert.layers], theirs.language_model.layers),  # type: ignore[union-attr]
        ([ours.expert.norm], [theirs.language_model.norm]),
    ]
    for a, b in parts:
        mine, other = outputs_of(a, lambda: read(ours, images)), outputs_of(b, run)
        if a[0] is not ours.encoder and a is not ours.encoder.layers:
            mine, other = [m[seen.bool()] for m in mine], [o[seen.bool()] for o in other]
        assert_same(mine, other)
    with torch.no_grad():
        logits = (read(ours, images).hidden["vlm"] @ ours.words.weight.T)[seen.bool()]
    assert_same([logits], [outputs_of([their_paligemma.lm_head], run)[0][seen.bool()]])


def encoder_of(folder: Path, size: int, recipe: Callable[..., Recipe]) -> PictureEncoder:
    model = PictureEncoder(size, DINO, 32)
    with open_checkpoint(folder) as checkpoint:
        load_weights(model, recipe(DINO, size // 14, checkpoint.config), checkpoint)
    return model


@pytest.mark.parametrize("size", [42, 56, 28])
@pytest.mark.parametrize("original", [True, False])
def test_dinov2_gives_the_same_tokens_layer_by_layer_also_on_other_grids(
    their_dinov2: Any, tmp_path: Path, size: int, original: bool
) -> None:
    their_dinov2.save_pretrained(tmp_path, save_original_format=original)
    ours, images = encoder_of(tmp_path, size, dinov2), pictures(size)
    run = lambda: their_dinov2(as_theirs(images, DINO))  # noqa: E731
    assert_same(outputs_of(ours.layers, lambda: ours.features(images)), outputs_of(their_dinov2.encoder.layer, run))
    with torch.no_grad():
        assert_same([ours.features(images)], [run().last_hidden_state[:, 1:]])


@pytest.mark.parametrize("size", [42, 56])
def test_depth_anythings_backbone_gives_the_same_tokens(their_depth_anything: Any, tmp_path: Path, size: int) -> None:
    their_depth_anything.save_pretrained(tmp_path)
    ours, images = encoder_of(tmp_path, size, depth_anything), pictures(size)
    backbone = their_depth_anything.backbone
    run = lambda: backbone(as_theirs(images, DINO))  # noqa: E731
    assert_same(outputs_of(ours.layers, lambda: ours.features(images)), outputs_of(backbone.encoder.layer, run))
    with torch.no_grad():
        assert_same([ours.features(images)], [run().feature_maps[-1][:, 1:]])


def test_what_is_not_used_is_named(their_depth_anything: Any, tmp_path: Path) -> None:
    their_depth_anything.save_pretrained(tmp_path)
    with open_checkpoint(tmp_path) as checkpoint:
        loaded = load_weights(PictureEncoder(42, DINO, 32), depth_anything(DINO, 3, checkpoint.config), checkpoint)
        stored = set(checkpoint.tensors)
    assert set(loaded.used) | set(loaded.unused) == stored
    assert not set(loaded.used) & set(loaded.unused)
    assert {name.split(".")[0] for name in loaded.unused} == {"backbone", "neck", "head"}
    assert [name for name in loaded.unused if name.startswith("backbone")] == ["backbone.embeddings.mask_token"]
    assert "6 of head.*" in str(loaded)


def test_a_model_without_memory_of_its_own_gets_the_weights_and_keeps_its_type(
    their_dinov2: Any, tmp_path: Path
) -> None:
    their_dinov2.save_pretrained(tmp_path)
    with torch.device("meta"):
        model = PictureEncoder(42, DINO, 32).to(torch.bfloat16)
    model.embed.weight.requires_grad_(False)
    with open_checkpoint(tmp_path) as checkpoint:
        load_weights(model, dinov2(DINO, 3, checkpoint.config), checkpoint)
    expected = encoder_of(tmp_path, 42, dinov2).to(torch.bfloat16).state_dict()
    # The projection to the decoder's width is ours: no checkpoint has it.
    assert {n for n, p in model.named_parameters() if p.is_meta} == {"project.weight", "project.bias"}
    assert all(torch.equal(p, expected[n]) for n, p in model.named_parameters() if not p.is_meta)
    assert not model.embed.weight.requires_grad
    assert model.embed.bias.requires_grad


# What config.json says on the hub; what isn't there has its class's default.
DINOV2_L = {
    "model_type": "dinov2", "hidden_act": "gelu", "hidden_size": 1024, "image_size": 518, "layer_norm_eps": 1e-6,
    "mlp_ratio": 4, "num_attention_heads": 16, "num_channels": 3, "num_hidden_layers": 24, "patch_size": 14,
    "qkv_bias": True, "use_swiglu_ffn": False,
}  # fmt: skip
PUBLISHED: dict[str, dict[str, Any]] = {
    "google/paligemma-3b-pt-224": {
        "model_type": "paligemma", "hidden_size": 2048, "image_token_index": 257152, "projection_dim": 2048,
        "text_config": {
            "model_type": "gemma", "hidden_size": 2048, "intermediate_size": 16384, "num_attention_heads": 8,
            "num_hidden_layers": 18, "num_image_tokens": 256, "num_key_value_heads": 1, "vocab_size": 257216,
        },
        "vision_config": {
            "model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304,
            "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14, "vision_use_head": False,
        },
    },
    "facebook/dinov2-large": DINOV2_L,
    "depth-anything/Depth-Anything-V2-Large-hf": {
        "model_type": "depth_anything", "reassemble_hidden_size": 1024, "neck_hidden_sizes": [256, 512, 1024, 1024],
        "fusion_hidden_size": 256,
        "backbone_config": {
            "model_type": "dinov2", "hidden_size": 1024, "image_size": 518, "num_attention_heads": 16,
            "num_hidden_layers": 24, "out_indices": [5, 12, 18, 24], "patch_size": 14, "reshape_hidden_states": False,
        },
    },
}  # fmt: skip


def on_meta(name: str) -> Checkpoint:
    """Names and shapes of a published model, as transformers makes it of its config."""
    config = PUBLISHED[name]
    classes: dict[str, tuple[Any, Any]] = {
        "paligemma": (PaliGemmaConfig, PaliGemmaForConditionalGeneration),
        "dinov2": (Dinov2Config, Dinov2Model),
        "depth_anything": (DepthAnythingConfig, DepthAnythingForDepthEstimation),
    }
    read, make = classes[config["model_type"]]
    with torch.device("meta"):
        model = make(read.from_dict(config))
    tensors = {name: Stored("model.safetensors", tuple(t.shape), "F32") for name, t in model.state_dict().items()}
    return Checkpoint(Path(name), config, {}, tensors, {})


def fill_with_shapes(module: nn.Module, recipe: Recipe) -> set[str]:
    """The parameters that a recipe fills; each would get its shape."""
    parameters = dict(module.named_parameters())
    for piece in recipe.pieces:
        made = piece.make(*(torch.empty(shape, device="meta") for shape in piece.sources.values()))
        assert made.shape == parameters[piece.target].shape, piece.target
    return {piece.target for piece in recipe.pieces}


@pytest.fixture(scope="module")
def paper() -> DepthVLA:
    with torch.device("meta"):
        return DepthVLA(PRESETS["paper"])


def test_paligemma_3b_fills_every_parameter_of_the_papers_vlm(paper: DepthVLA) -> None:
    checkpoint = on_meta("google/paligemma-3b-pt-224")
    recipe = paligemma(PRESETS["paper"], checkpoint.config)
    names = check_weights(recipe, checkpoint)
    assert len(names) == len(checkpoint.tensors)
    assert fill_with_shapes(paper.vlm, recipe) == {name for name, _ in paper.vlm.named_parameters()}


@pytest.mark.parametrize(
    ("name", "family"),
    [("facebook/dinov2-large", dinov2), ("depth-anything/Depth-Anything-V2-Large-hf", depth_anything)],
)
def test_the_large_encoders_fill_every_parameter_of_the_papers_depth_encoder_but_the_projection(
    paper: DepthVLA, name: str, family: Callable[..., Recipe]
) -> None:
    assert paper.depth
    checkpoint = on_meta(name)
    recipe = family(DINOV2_LARGE, 16, checkpoint.config)
    check_weights(recipe, checkpoint)
    filled = fill_with_shapes(paper.depth.encoder, recipe)
    assert {name for name, _ in paper.depth.encoder.named_parameters()} - filled == {"project.weight", "project.bias"}


def test_another_size_of_the_same_model_is_refused_by_its_config(their_paligemma: Any, tmp_path: Path) -> None:
    their_paligemma.save_pretrained(tmp_path)
    with open_checkpoint(tmp_path) as checkpoint:
        other = replace(CONFIG, heads=8, head_dim=4)
        with pytest.raises(WorkerError, match=r"text_config.num_attention_heads is 4, not 8"):
            check_weights(paligemma(other, checkpoint.config), checkpoint)


def job_with(folder: Path, **inputs: Path) -> Job:
    bound = {name: {"path": str(path), "format": "huggingface", "digest": "0"} for name, path in inputs.items()}
    body = {
        "protocol": 1, "attempt": "a", "job": "k", "stage": "s", "entry": "e", "shard": 0, "shards": 1, "fence": 1,
        "config": {}, "inputs": bound, "outputs": [], "ranks": 1, "cores": 1, "gpus": [], "grace": 1, "prefix": "p",
        "store": {"url": "file:///"}, "resume": [], "checkpoint": {"every": None},
    }  # fmt: skip
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps(body))
    return read_job(folder, {})


def test_a_stage_starts_its_depth_encoder_from_whichever_of_the_two_is_bound(
    their_dinov2: Any, their_depth_anything: Any, tmp_path: Path
) -> None:
    config = replace(CONFIG, depth=ExpertConfig(16, 24))
    for name, theirs in (("dinov2", their_dinov2), ("anything", their_depth_anything)):
        theirs.save_pretrained(tmp_path / name)
        job = job_with(tmp_path / f"job-{name}", encoder=tmp_path / name)
        model = DepthExpert(config)
        start_encoder(job, model, config, "")
        expected = encoder_of(tmp_path / name, 28, dinov2 if name == "dinov2" else depth_anything)
        assert_same([model.encoder.features(pictures(28)).detach()], [expected.features(pictures(28)).detach()])
        assert "not used: " in (job.directory / "events.0.jsonl").read_text()
    with pytest.raises(WorkerError, match="both an input and 'a/b@c' of the hub"):
        start_encoder(job, model, config, "a/b@c")
    unbound = job_with(tmp_path / "unbound")
    before = [p.clone() for p in model.parameters()]
    start_encoder(unbound, model, config, "")
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_stage_starts_its_vlm_from_paligemma(their_paligemma: Any, tmp_path: Path) -> None:
    their_paligemma.save_pretrained(tmp_path / "checkpoint")
    model = VisionLanguage(CONFIG)
    start_vlm(job_with(tmp_path / "job", paligemma=tmp_path / "checkpoint"), model, CONFIG, "")
    expected = paligemma_of(tmp_path / "checkpoint").state_dict()
    assert all(torch.equal(t, expected[name]) for name, t in model.state_dict().items())


def test_what_is_no_encoder_is_refused_by_its_class(their_paligemma: Any, tmp_path: Path) -> None:
    their_paligemma.save_pretrained(tmp_path / "checkpoint")
    config = replace(CONFIG, depth=ExpertConfig(16, 24))
    job = job_with(tmp_path / "job", encoder=tmp_path / "checkpoint")
    with pytest.raises(WorkerError, match=r"config.json: no DINOv2 of this size: model_type is 'paligemma'"):
        start_encoder(job, DepthExpert(config), config, "")
