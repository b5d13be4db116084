"""Scaling of the training step and of reading clips: over batch and image size, over workers and processes."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.loader import GuardedLoader
from benchmarks.bench_clips import write_clips
from benchmarks.bench_train_step import step
from benchmarks.measure import Comparison, timed

ROOT = Path(__file__).parent.parent
# each process waits after its warm-up until all are ready, then prints the seconds per step
WORKER = """
import sys, time, torch
torch.set_num_threads(1)
from benchmarks.bench_train_step import step
run = step("ours", 1, int(sys.argv[1]), sys.argv[2], "cpu")
run()
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
for _ in range(int(sys.argv[3])):
    run()
print((time.perf_counter() - start) / int(sys.argv[3]))
"""


def measure(repeats: int = 3, device: str = "cpu", *, small: bool = False) -> list[Comparison]:
    """Measure milliseconds per clip, less is better: a flat curve over batch or workers means no gain."""
    backbone, size = ("resnet18", 32) if small else ("resnet50", 224)
    batches, sizes = ((1, 2), (32, 64)) if small else ((1, 2, 4), (96, 160, 224, 320))
    comparisons = [_step(clips, size, backbone, device, repeats, "batch") for clips in batches]
    comparisons += [_step(1, side, backbone, device, repeats, "image size") for side in sizes]
    comparisons += _workers((0, 1) if small else (0, 1, 2), repeats, 32 if small else 224)
    if device == "cpu":
        comparisons += [_processes(count, size, backbone, repeats) for count in (1, 2)]
    return comparisons


def _step(clips: int, size: int, backbone: str, device: str, repeats: int, over: str) -> Comparison:
    run = step("ours", clips, size, backbone, device)
    run()
    times = [timed(run, device) / clips for _ in range(repeats)]
    name = f"train step, {backbone}, {clips} clips of {size}x{size}: a clip (over {over})"
    return Comparison(name, "ms", times, curve=f"train step: time over {over}", x=clips if over == "batch" else size)


def _workers(counts: Sequence[int], repeats: int, size: int) -> list[Comparison]:
    """Measure clips from files: one round reads the whole set, including the start of the workers."""
    comparisons, clips = [], 8 if size < 64 else 64
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder), clips, size)
        data = AVSBenchDataset(folder, "ms3", "train", size)
        for count in counts:
            times = []
            for _ in range(min(repeats, 2)):
                start = time.perf_counter()
                for _batch in GuardedLoader(data, batch_size=4, num_workers=count):
                    pass
                times.append(1000 * (time.perf_counter() - start) / clips)
            name = f"clip from files, {size}x{size}, {count} workers"
            comparisons.append(Comparison(name, "ms", times, curve="clips from files: time over workers", x=count))
    return comparisons


def _processes(count: int, size: int, backbone: str, repeats: int) -> Comparison:
    """Measure concurrent training steps in several processes, without gradient exchange: the limit of the machine."""
    command = [sys.executable, "-c", WORKER, str(size), backbone, str(repeats)]
    workers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    seconds = [float(worker.communicate("go\n")[0]) for worker in workers]
    if any(worker.returncode for worker in workers):
        raise RuntimeError("a process of the benchmark failed")
    per_clip = [1000 * max(seconds) / count]
    return Comparison(
        f"train step, {count} processes: a clip", "ms", per_clip, curve="train step: time over processes", x=count
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for comparison in measure(small="--small" in sys.argv):
        print(comparison.name, [round(t, 1) for t in comparison.ours])
