"""Reading a pack over and over takes no more memory: the pages of the map that a process has seen are let go."""

from pathlib import Path

import numpy as np
import pytest
import torch

from avseg.data.avsbench import AVSBenchDataset
from avseg.data.datamodule import AVSBenchDataModule
from avseg.data.pack import arrays, build_pack
from tests.data.fake import make_ms3

MIB = 2**20
CLIPS, SIZE, EPOCHS = 160, 224, 5


def _memory(pid: int) -> tuple[float, float]:
    """RSS and PSS in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    values = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return values["Rss"], values["Pss"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_memory_stays_flat_over_epochs_with_workers(tmp_path: Path) -> None:
    make_ms3(tmp_path, {"train": CLIPS}, size=64)
    build_pack(AVSBenchDataset(tmp_path, "ms3", "train", SIZE), "fake", workers=2)
    size = (tmp_path / "packed/train-224/frames.bin").stat().st_size / MIB
    assert size > 3 * arrays._KEPT_PAGES / MIB  # whoever kept all pages would be seen
    loader = AVSBenchDataModule(tmp_path, "ms3", SIZE, num_workers=2).train_dataloader()
    seen = []
    for epoch in range(EPOCHS):
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        total = sum(int(clip.frames.sum(dtype=torch.int64)) for clip in loader)
        workers = [worker.pid for worker in loader._iterator._workers]  # type: ignore[union-attr]
        seen.append([_memory(pid) for pid in ("self", *workers)])  # type: ignore[list-item]
        print(f"epoch {epoch}: RSS, PSS of this process and its workers in MiB", np.round(seen[-1], 1).tolist())
    assert total > 0
    growth = np.array(seen[-1]) - np.array(seen[0])
    # the heap breathes by some batches (3.6 MiB of frames each)
    assert growth.max() < 16
    # no process keeps more of the store than it may
    assert np.array(seen)[:, 1:, 1].max() - np.array(seen)[0, 1:, 1].min() < arrays._KEPT_PAGES / MIB + 16
