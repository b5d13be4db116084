"""Small packs for tests, and a fast audio encoder."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import Clip
from avseg.data.pack import Embedder, build_pack
from avseg.data.setting import SPLITS
from tests.data.fake import make_avss, make_ms3, make_s4

MAKERS = {"s4": make_s4, "ms3": make_ms3, "avss": make_avss}


def packed_set(root: Path, setting: str = "ms3", size: int = 32, splits=SPLITS, **choices: Any) -> Path:
    """Make a fake set with packs of its splits."""
    MAKERS[setting](root)
    for split in splits:
        build_pack(AVSBenchDataset(root, setting, split, size, **choices), "fake")
    return root


def encode(patches: Tensor) -> Tensor:
    """Embed (B, T, 1, 96, 64) as (B, T, 128), each patch on its own; an empty one (padding) is not zero."""
    projection = torch.randn(96 * 64, 128, generator=torch.Generator().manual_seed(7)) / 80
    return (patches.flatten(2) @ projection + 0.3).relu()


FAKE_VGGISH = Embedder(encode, "0123456789abcdef", (123, 5))


def assert_equal(packed: Clip, expected: Clip) -> None:
    """Compare every field bit for bit."""
    for item in fields(Clip):
        actual, wanted = getattr(packed, item.name), getattr(expected, item.name)
        if isinstance(actual, dict):
            assert list(actual) == list(wanted)
            actual, wanted = list(actual.values()), list(wanted.values())
        if not isinstance(actual, list):
            actual, wanted = [actual], [wanted]
        for a, b in zip(actual, wanted, strict=True):
            assert type(a) is type(b)
            if isinstance(a, Tensor):
                assert (a.dtype, a.shape, a.stride()) == (b.dtype, b.shape, b.stride()), item.name
                assert a.numpy().tobytes() == b.numpy().tobytes(), item.name
            else:
                assert a == b
