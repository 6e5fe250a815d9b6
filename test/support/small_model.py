"""The sizes that most tests of models take."""

from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, TextConfig

SMALL = ModelConfig(
    image=16, layers=3, heads=4, kv_heads=2, head_dim=8,
    vlm=ExpertConfig(24, 40), action=ExpertConfig(12, 20), depth=ExpertConfig(16, 28),
    vision=EncoderConfig(8, 20, layers=1, heads=2, mlp=30),
    depth_vision=EncoderConfig(4, 12, layers=1, heads=2, mlp=20, class_token=True, layer_scale=True, gelu="exact"),
    text=TextConfig(vocabulary=64, length=5), state=3, actions=2, horizon=4,
)  # fmt: skip
"""Every width and MLP an expert's own, fewer key heads than heads, two different vision transformers."""
