"""Evaluation speed on long videos, by modality, in seconds of video per second.

`python -m benchmarks.bench_long_video` measures the paper's networks with random weights, `--small` toys. Reading,
network, aggregation and scores are all counted; the weights are random, so many more regions are predicted than by
trained ones.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from avseg.models.lu_avs.build import build_long_task
from rich.console import Console
from rich.table import Table

from avseg.data.lu_avs import LUAVSConfig, LUAVSDataModule
from avseg.models.lu_avs.audio_module import SoundBranchTask
from avseg.models.lu_avs.base import VideoTest
from avseg.models.lu_avs.composition import StrongBaselineTask
from avseg.models.lu_avs.frame_module import FrameBranchTask
from avseg.runs.configure import training_config
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file
from avseg.utils.memory import return_free_memory
from benchmarks.bench_predict import write_video

LABELS = [f"class {number}" for number in range(88)]
PAPER = {
    "mask": ["model=lu_avs_mask"],
    "box": ["model=lu_avs_box"],
    "audio": ["model=lu_avs_audio", "audio.weights=random"],
}
SMALL = {
    "mask": ["model=toy_lu_avs_mask", "data.image_size=64"],
    "box": ["model=toy_lu_avs_box", "data.image_size=64"],
    "audio": ["model=toy_lu_avs_audio"],
}


@dataclass
class Speed:
    """One modality.

    Attributes:
        name: branch and modality.
        wall: seconds of video per second on the clock.
        processor: the same per second of processor time; equal to `wall` on an idle machine with one thread.
    """

    name: str
    wall: float
    processor: float


def write_release(root: Path, seconds: int, size: tuple[int, int], rate: int = 25) -> None:
    """Write a release of one test video with a moving square, a tone, and a mask of the first class on every frame."""
    (height, width), frames = size, seconds * rate
    write_video(root / "a.mp4", seconds, size, rate)
    segments = [{"segment": [0, frames], "label": name, "label_id": k} for k, name in enumerate(LABELS)]
    video = {"duration": seconds, "fps": rate, "subset": "test", "annotations": segments[:1]}
    # classes that are silent in this video come from another split
    silent = {**video, "subset": "train", "annotations": segments}
    (root / "seg_test.json").write_text(json.dumps({"a": video}))
    (root / "seg_train.json").write_text(json.dumps({"b": silent}))
    for name in LABELS[:1]:
        folder = root / f"a__{name.replace(' ', '_')}__st__0__et__{frames}"
        folder.mkdir()
        masks = np.lib.format.open_memmap(folder / "masks.npy", mode="w+", dtype=bool, shape=(frames, height, width))
        masks[:, : height // 2, : width // 2] = True


def tasks(overrides_by_branch: dict[str, list[str]]) -> Iterator[tuple[str, VideoTest]]:
    """Build the branches with random weights, and their compositions."""
    torch.manual_seed(0)
    built: dict[str, VideoTest] = {}
    for name, overrides in overrides_by_branch.items():
        config = training_config(overrides)
        config["branch"]["pretrained"] = False
        built[name] = build_long_task(config, LABELS).eval()
        yield f"{name}, {'A' if name == 'audio' else 'V'}", built[name]
    for name in ("mask", "box"):
        visual, audio = built[name], built["audio"]
        assert isinstance(visual, FrameBranchTask)
        assert isinstance(audio, SoundBranchTask)
        config = training_config(overrides_by_branch[name])
        # random weights predict half of the classes
        config["branch"]["smoothing"]["threshold"] = 0.5
        yield f"{name}, A&V", StrongBaselineTask(config, visual, audio).eval()


def speed(name: str, task: VideoTest, data: LUAVSDataModule, seconds: int, device: str) -> Speed:
    """Evaluate the video once."""
    task.to(device)
    scores, video = task.new_scores().to(device), data.release.videos["a"]
    wall, processor = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        for chunk, prediction in task.predict_video(data, "a"):
            scores.update(video, chunk, prediction)
            return_free_memory()
    scores.compute()
    if device == "cuda":
        torch.cuda.synchronize()
    return Speed(name, seconds / (time.perf_counter() - wall), seconds / (time.process_time() - processor))


def measure(seconds: int, rate: float, size: tuple[int, int], device: str, *, small: bool) -> list[Speed]:
    """All modalities on a made video of so many seconds, evaluated at `rate` frames per second."""
    speeds = []
    with tempfile.TemporaryDirectory() as folder:
        write_release(Path(folder), seconds, size)
        for name, task in tasks(SMALL if small else PAPER):
            own = task.config["data"]
            options = {"long_side": own["options"].get("long_side"), "rate": rate, "skip_missing": True}
            branch = "box" if task.region == "box" else "mask"
            data = LUAVSDataModule(
                LUAVSConfig(root=folder, image_size=own["image_size"], num_workers=0, **options), branch
            )
            speeds.append(speed(name, task, data, seconds, device))
    return speeds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_long_video", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="length of the video (default 10)")
    parser.add_argument("--rate", type=float, default=1.0, help="frames per second of the evaluation (default 1)")
    parser.add_argument("--small", action="store_true", help="toy networks on a video of 96 x 144 pixels, not 720p")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--out", type=Path, help="a json file to write")
    options = parser.parse_args(arguments)
    if options.seconds < 1 or not 0 < options.rate < math.inf:
        raise UserError(f"--seconds {options.seconds} --rate {options.rate}: both must be above 0")
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = (96, 144) if options.small else (720, 1280)
    speeds = measure(options.seconds, options.rate, size, device, small=options.small)
    table = Table(title=f"{options.rate:g} frames per second of a {size[0]}p video, {device}", caption="random weights")
    for column in ("branch, modality", "seconds of video per second", "per second of processor time"):
        table.add_column(column, justify="left" if column.startswith("branch") else "right")
    for speed_of_branch in speeds:
        table.add_row(speed_of_branch.name, f"{speed_of_branch.wall:.2f}", f"{speed_of_branch.processor:.2f}")
    Console().print(table)
    if options.out:
        with atomic_file(options.out) as path:
            path.write_text(json.dumps([asdict(speed_of_branch) for speed_of_branch in speeds], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
