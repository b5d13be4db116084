"""`avseg predict` on long 720p videos: speed, and peak memory compared with that of ten seconds.

Each prediction is the command in a separate process, with a tiny checkpoint: this measures reading, drawing and
writing. `python -m benchmarks.bench_predict --seconds 600` uses ten minutes of video.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.measure import Comparison

SIZE, RATE = (720, 1280), 25
TRAIN = "data=toy_ms3 data.image_size=64 backbone=tiny audio=mel model.channels=8 trainer=cpu trainer.max_epochs=1"
PEAK = """
import re, sys
from avseg.cli.main import main
code = main(sys.argv[1:])
print("peak", re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
raise SystemExit(code)
"""


def write_video(path: Path, seconds: int, size: tuple[int, int] = SIZE, rate: int = RATE) -> None:
    """Write an H.264 video with a moving square and an AAC tone."""
    height, width = size
    samples = np.sin(np.arange(seconds * 16000) / 9).astype(np.float32)
    with av.open(str(path), "w") as file:
        video, sound = file.add_stream("libx264", rate=rate), file.add_stream("aac", rate=16000, layout="mono")
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"preset": "ultrafast"}
        image = np.full((height, width, 3), 60, np.uint8)
        for number in range(seconds * rate):
            image[height // 4 : height // 2] = 60
            left = (7 * number) % (width // 2)
            image[height // 4 : height // 2, left : left + width // 4] = 200
            file.mux(video.encode(av.VideoFrame.from_ndarray(image)))
        file.mux(video.encode())
        for begin in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, begin : begin + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, begin, Fraction(1, 16000)
            file.mux(sound.encode(frame))
        file.mux(sound.encode())


def make_run(root: Path) -> Path:
    """Train a tiny model on a few synthetic clips and return its run directory."""
    toy = ["data", "toy", "--out", str(root / "toy"), "--train", "4", "--val", "2", "--test", "2", "--size", "64"]
    _avseg(toy)
    _avseg(["train", *TRAIN.split(), f"data.root={root / 'toy'}", f"paths.outputs={root / 'outputs'}"])
    (run,) = (root / "outputs").glob("*/*/seed=*")
    return run


def predict(run: Path, video: Path, out: Path) -> tuple[float, float]:
    """Return wall seconds and peak memory in MiB."""
    start = time.perf_counter()
    output = _avseg(["predict", str(video), "--checkpoint", str(run), "--out", str(out)])
    match = re.search(r"peak (\d+)", output)
    assert match is not None
    return time.perf_counter() - start, int(match.group(1)) / 1024


def _avseg(arguments: list[str]) -> str:
    done = subprocess.run([sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"avseg {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def measure(
    repeats: int = 1, device: str = "cpu", *, small: bool = False, seconds: Sequence[int] = (10, 60)
) -> list[Comparison]:
    """Measure milliseconds per second of video, and peak memory, over the length of the video."""
    del repeats, device  # one prediction is long enough
    size, rate, lengths = ((96, 144), 5, (2,)) if small else (SIZE, RATE, tuple(seconds))
    comparisons = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        run = make_run(root)
        for length in lengths:
            write_video(root / f"{length}.mp4", length, size, rate)
            wall, peak = predict(run, root / f"{length}.mp4", root / f"out{length}")
            name = f"predict, {length} s of {size[0]}p at {rate} frames per second"
            curve = f"predict on {size[0]}p: "
            speed = [1000 * wall / length]
            comparisons.append(Comparison(f"{name}: a second", "ms", speed, curve=f"{curve}time over length", x=length))
            comparisons.append(Comparison(f"{name}: peak", "MiB", [peak], curve=f"{curve}memory over length", x=length))
    return comparisons


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_predict", description=__doc__)
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 60], help="lengths (default 10 60)")
    for comparison in measure(seconds=parser.parse_args(arguments).seconds):
        print(f"{comparison.name}: {comparison.ours[0]:,.1f} {comparison.unit}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
