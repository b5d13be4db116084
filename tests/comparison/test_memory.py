"""A comparison of the clips of a whole test split: memory stays flat, and it takes less than a minute."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from avseg.comparison.compare import compare
from avseg.comparison.request import Method, Request

CLIPS, METHODS, SIDE = 740, 5, 32  # clips of S4's test split


def anonymous_memory() -> float:
    """MB of this process that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def write_clips(root: Path) -> None:
    """MS3 clips of noise, and soft maps of five methods, an array per clip."""
    rng = np.random.default_rng(0)
    (root / "ms3_data/audio_wav/test").mkdir(parents=True)
    names = [f"clip{number:04d}" for number in range(CLIPS)]
    for name in names:
        frames, masks = root / "ms3_data/visual_frames" / name, root / "ms3_data/gt_masks/test" / name
        frames.mkdir(parents=True)
        masks.mkdir(parents=True)
        for second in range(1, 6):
            pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(frames / f"{name}.mp4_{second}.png")
            Image.fromarray(pixels[..., 0] // 200 * 255).save(masks / f"{name}_{second}.png")
        soundfile.write(root / f"ms3_data/audio_wav/test/{name}.wav", np.zeros(1600, np.float32), 16_000)
        for number in range(METHODS):
            (root / f"method{number}").mkdir(exist_ok=True)
            np.savez(root / f"method{number}" / f"{name}.npz", rng.random((5, SIDE, SIDE), dtype=np.float32))
    write_index(root, CLIPS)


def write_index(root: Path, clips: int) -> None:
    """Put the first clips into the test split."""
    names = "".join(f"clip{number:04d},test\n" for number in range(clips))
    (root / "ms3_meta_data.csv").write_text(f"video_id,split\n{names}")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_a_whole_split_in_a_minute_with_flat_memory(tmp_path: Path) -> None:
    """With table, panels, videos and page. The allocator's holes between the counts of the methods took 300 MB here."""
    write_clips(tmp_path)
    methods = [Method(f"m{number}", str(tmp_path / f"method{number}")) for number in range(METHODS)]
    data = ["data=avsbench_ms3", f"data.image_size={SIDE}"]
    request = Request(methods, tmp_path / "out", data=data, root=str(tmp_path))
    write_index(tmp_path, 20)
    compare(request)  # imports, and whatever else does not depend on the number of clips
    write_index(tmp_path, CLIPS)
    memory, processor = anonymous_memory(), time.process_time()
    outcome = compare(request)
    # of one thread: wall time depends on what else the machine does
    assert time.process_time() - processor < 60
    assert len(outcome.table.methods[0].clips) == CLIPS
    assert anonymous_memory() - memory < 120
