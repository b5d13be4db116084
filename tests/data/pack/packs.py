"""Small packs for tests, and a sound encoder that takes no time."""

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
    """A fake set with packs of its splits."""
    MAKERS[setting](root)
    for split in splits:
        build_pack(AVSBenchDataset(root, setting, split, size, **choices), "fake")
    return root


def encode(patches: Tensor) -> Tensor:
    """(B, T, 1, 96, 64) to (B, T, 128): treats every patch alike, and an empty one (padding) is not zero."""
    projection = torch.randn(96 * 64, 128, generator=torch.Generator().manual_seed(7)) / 80
    return (patches.flatten(2) @ projection + 0.3).relu()


FAKE_VGGISH = Embedder(encode, "0123456789abcdef", (123, 5))


def assert_equal(mine: Clip, theirs: Clip) -> None:
    """Every field bit for bit."""
    for item in fields(Clip):
        one, other = getattr(mine, item.name), getattr(theirs, item.name)
        if isinstance(one, dict):
            assert list(one) == list(other)
            one, other = list(one.values()), list(other.values())
        if not isinstance(one, list):
            one, other = [one], [other]
        for a, b in zip(one, other, strict=True):
            assert type(a) is type(b)
            if isinstance(a, Tensor):
                assert (a.dtype, a.shape, a.stride()) == (b.dtype, b.shape, b.stride()), item.name
                assert a.numpy().tobytes() == b.numpy().tobytes(), item.name
            else:
                assert a == b
