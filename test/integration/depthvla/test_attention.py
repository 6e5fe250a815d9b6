import pytest
import torch

from depthvla.model.attention import attend, block_mask, choose
from depthvla.runtime.failure import CONFIG, WorkerError


@pytest.mark.filterwarnings("ignore:flex_attention called without")
@pytest.mark.parametrize(("key_heads", "batch"), [(1, 3), (2, 1), (4, 3)])
def test_every_kernel_gives_the_printed_formula(key_heads: int, batch: int) -> None:
    q, k, v = torch.randn(3, 4, 9, 8), torch.randn(3, key_heads, 21, 8), torch.randn(3, key_heads, 21, 8)
    mask = torch.rand(batch, 1, 9, 21) > 0.5
    mask[..., 0] = True
    every = [t.repeat_interleave(4 // key_heads, dim=1) for t in (k, v)]
    scores = (q @ every[0].transpose(2, 3) / 8**0.5).masked_fill(~mask, float("-inf"))
    expected = scores.softmax(-1) @ every[1]
    torch.testing.assert_close(attend(q, k, v, mask), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(attend(q, k, v, block_mask(mask)), expected, rtol=1e-5, atol=1e-6)
    unmasked = (q @ every[0].transpose(2, 3) / 8**0.5).softmax(-1) @ every[1]
    torch.testing.assert_close(attend(q, k, v, None), unmasked, rtol=1e-5, atol=1e-6)


def test_flex_attention_is_refused_where_it_cannot_train() -> None:
    with pytest.raises(WorkerError, match="flex") as caught:
        choose("flex", torch.device("cpu"))
    assert (caught.value.code, caught.value.exit_code) == ("ATTENTION_UNSUPPORTED", CONFIG)
