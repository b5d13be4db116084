"""Reading a pack repeatedly does not take more memory: touched pages of the map are released."""

from pathlib import Path

import numpy as np
import pytest

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.pack import build_pack
from tests.data.fake import make_ms3
from tests.data.modules import avsbench_module

MIB = 2**20
CLIPS, SIZE, EPOCHS = 160, 224, 5


def _memory(pid: int | str) -> tuple[float, float, float]:
    """Return RSS, PSS, and PSS without mapped files, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    values = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return values["Rss"], values["Pss"], values["Pss_Anon"] + values["Pss_Shmem"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_memory_stays_flat_over_epochs_with_workers(tmp_path: Path) -> None:
    make_ms3(tmp_path, {"train": CLIPS}, size=64)
    build_pack(AVSBenchDataset(tmp_path, "ms3", "train", SIZE), "fake", workers=2)
    size = (tmp_path / "packed/train-224/frames.bin").stat().st_size / MIB
    assert size > 100  # each worker reads half of it per epoch, so kept pages would show
    loader = avsbench_module(tmp_path, "ms3", image_size=SIZE, num_workers=2).train_dataloader()
    usage = []
    for epoch in range(EPOCHS):
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        brightest = max(int(clip.frames.max()) for clip in loader)  # touches every page of the batch
        workers = [worker.pid for worker in loader._iterator._workers]  # type: ignore[union-attr]
        usage.append([_memory(pid) for pid in ("self", *workers)])
        print(f"epoch {epoch}: RSS, PSS, PSS without files of each process in MiB: {np.round(usage[-1], 1).tolist()}")
    assert brightest == 255
    rss, _, private = (np.array(usage)[-1] - np.array(usage)[0]).T
    # the heap varies by some batches (3 MiB of frames each), and 8 MiB of each array may stay mapped
    assert rss.max() < 40
    # total PSS is useless here: it rises when another process that shares our libraries ends
    assert private.sum() < 20
