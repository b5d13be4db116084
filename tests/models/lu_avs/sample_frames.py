"""Frames with a square and a disc on a grey ground, and what is annotated in them."""

import torch
from torch import Tensor

SIZE = 64


def two_frames() -> tuple[Tensor, list[Tensor], list[Tensor], list[Tensor]]:
    """Frames (2, 3, 64, 64) float, masks, boxes in pixels, classes: a red square (0), a green disc (1)."""
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    frames = 0.2 * torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    masks, boxes = [], []
    for frame, (x, y) in enumerate([(10, 30), (36, 8)]):
        square = (rows >= y) & (rows < y + 20) & (columns >= x) & (columns < x + 20)
        centre_x, centre_y = 63 - x - 10, 63 - y
        disc = (rows - centre_y) ** 2 + (columns - centre_x) ** 2 < 81
        disc &= ~square
        frames[frame, 0][square] += 2
        frames[frame, 1][disc] += 2
        masks.append(torch.stack([square, disc]))
        boxes.append(torch.stack([_box(square), _box(disc)]))
    return frames, masks, boxes, [torch.tensor([0, 1])] * 2


def _box(mask: Tensor) -> Tensor:
    rows, columns = mask.nonzero().T
    return torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()
