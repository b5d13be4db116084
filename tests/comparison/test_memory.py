"""A comparison of many clips takes no more memory than one of few, but for the counts of each frame."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from avseg.comparison.compare import compare
from avseg.comparison.request import Method, Request

CLIPS, METHODS, SIDE = 400, 5, 32


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
    (root / "ms3_meta_data.csv").write_text("video_id,split\n" + "".join(f"{name},test\n" for name in names))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """The allocator's holes between the counts of the methods took 300 MB here; the counts alone take 20."""
    write_clips(tmp_path)
    methods = [Method(f"m{number}", str(tmp_path / f"method{number}")) for number in range(METHODS)]
    data = ["data=avsbench_ms3", f"data.image_size={SIDE}"]
    before = anonymous_memory()
    outcome = compare(Request(methods, tmp_path / "out", data=data, root=str(tmp_path), pictures=False, page=False))
    assert len(outcome.table.methods[0].clips) == CLIPS
    assert anonymous_memory() - before < 120
