"""Gemma's text model (transformers' `GemmaModel`)."""

from __future__ import annotations

from collections.abc import Mapping

from depthvla.model.config import ModelConfig
from depthvla.runtime.config import Json
from depthvla.weights.recipe import Piece, stack

DEFAULTS: Mapping[str, Json] = {
    "model_type": "gemma", "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6,
    "attention_bias": False, "rope_theta": 10_000.0, "vocab_size": 256_000, "hidden_size": 3072,
    "intermediate_size": 24_576, "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16,
}  # fmt: skip


def settings(config: ModelConfig) -> dict[str, Json | tuple[Json, ...]]:
    return {
        "model_type": "gemma", "hidden_size": config.vlm.width, "intermediate_size": config.vlm.mlp,
        "num_hidden_layers": config.layers, "num_attention_heads": config.heads,
        "num_key_value_heads": config.key_heads, "head_dim": config.head_dim, "vocab_size": config.text.vocabulary,
        "rms_norm_eps": 1e-6, "rope_theta": config.rope_base, "attention_bias": False,
        # "gelu" is what the first releases said, and they meant the tanh form too.
        "hidden_act": ("gelu_pytorch_tanh", "gelu"),
    }  # fmt: skip


def pieces(config: ModelConfig) -> list[Piece]:
    """Of a `VisionLanguage`: its words and its expert."""
    w, m, d = config.vlm.width, config.vlm.mlp, config.head_dim
    q, k = config.heads * d, config.key_heads * d
    made = [Piece("words.weight", {"embed_tokens.weight": (config.text.vocabulary, w)})]
    for i in range(config.layers):
        ours, theirs = f"expert.layers.{i}.", f"layers.{i}."
        attention, mlp = f"{theirs}self_attn.", f"{theirs}mlp."
        qkv = {f"{attention}q_proj.weight": (q, w), f"{attention}k_proj.weight": (k, w)}
        made += [
            Piece(f"{ours}inward.norm.weight", {f"{theirs}input_layernorm.weight": (w,)}),
            Piece(f"{ours}inward.qkv.weight", {**qkv, f"{attention}v_proj.weight": (k, w)}, stack),
            Piece(f"{ours}outward.out.weight", {f"{attention}o_proj.weight": (w, q)}),
            Piece(f"{ours}outward.norm.weight", {f"{theirs}post_attention_layernorm.weight": (w,)}),
            Piece(
                f"{ours}outward.mlp.up.weight",
                {f"{mlp}gate_proj.weight": (m, w), f"{mlp}up_proj.weight": (m, w)},
                stack,
            ),
            Piece(f"{ours}outward.mlp.down.weight", {f"{mlp}down_proj.weight": (w, m)}),
        ]
    return [*made, Piece("expert.norm.weight", {"norm.weight": (w,)})]
