"""Score a folder of masks: `score_masks.py PREDICTED TRUE`, or without arguments on synthetic masks.

Both folders hold PNGs of the same names; brightness from 128 on is sounding. A predicted PNG may hold the probability
(0 to 255), which the F-score uses.
"""

# %% two folders of masks
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from avseg.metrics import FScore, MaskIoU

if len(sys.argv) == 3:
    predicted, true = Path(sys.argv[1]), Path(sys.argv[2])
else:
    predicted, true = (Path(tempfile.mkdtemp()) / name for name in ("predicted", "true"))
    generator = np.random.default_rng(0)
    for folder in (predicted, true):
        folder.mkdir(parents=True)
    for number in range(10):
        mask = np.zeros((32, 32))
        mask[8:24, 8:24] = 1
        noisy = np.clip(mask * 0.4 + 0.7 * generator.random((32, 32)), 0, 1)
        Image.fromarray((255 * mask).astype(np.uint8)).save(true / f"{number:02d}.png")
        Image.fromarray((255 * noisy).astype(np.uint8)).save(predicted / f"{number:02d}.png")


# %% metrics take logits: the inverse of the sigmoid of a probability
def read(path: Path) -> torch.Tensor:
    """Read a PNG as (H, W) in [0, 1]."""
    return torch.from_numpy(np.array(Image.open(path).convert("L"))).double() / 255


j = MaskIoU()
f = FScore(videos_per_group=None, frames_per_video=1)
for number, path in enumerate(sorted(true.glob("*.png"))):
    mask = (read(path) >= 0.5).to(torch.uint8)[None, None]  # (1, 1, H, W): one clip of one frame
    logits = torch.logit(read(predicted / path.name), eps=1e-6).float()[None, None]
    index = torch.tensor([number])
    j.update(logits, mask, index=index)
    f.update(logits, mask, index=index)

# %% in per cent, as in the papers
print(f"J (mIoU) {100 * j.compute():.2f}   F-score {100 * f.compute():.2f}")
