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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from avseg.config.schema import TrainConfig
from avseg.data.lu_avs import LUAVSDataModule
from avseg.models.experiment import ExperimentModule
from avseg.models.lu_avs.base import LongVideoModule
from avseg.runs.configure import training_config
from avseg.training.build import DataFacts, build_data, build_model
from avseg.utils.errors import UserError
from avseg.utils.files import write_text
from avseg.utils.memory import return_free_memory
from benchmarks.bench_predict import write_video

LABELS = [f"class {number}" for number in range(88)]
PAPER = {"mask": ["model=lu_avs_mask"], "box": ["model=lu_avs_box"], "audio": ["model=lu_avs_audio"]}
PAPER_STRONG = {"mask": ["model=lu_avs_strong_mask"], "box": ["model=lu_avs_strong_box"]}
SMALL = {
    "mask": ["model=toy_lu_avs_mask", "data.image_size=64"],
    "box": ["model=toy_lu_avs_box", "data.image_size=64"],
    "audio": ["model=toy_lu_avs_audio"],
}
SMALL_STRONG = {
    "mask": ["model=toy_lu_avs_strong_mask", "data.image_size=64"],
    "box": ["model=toy_lu_avs_strong_box", "data.image_size=64"],
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


def modules(common: list[str], *, small: bool) -> Iterator[tuple[str, LongVideoModule, LUAVSDataModule]]:
    """Build the branches with random weights, and their compositions, each with its data.

    Args:
        common: overrides of every configuration.
        small: toy networks instead of the paper's.
    """
    torch.manual_seed(0)
    branches: dict[str, ExperimentModule] = {}
    for name, overrides in (SMALL if small else PAPER).items():
        config = training_config([*overrides, *common])
        branches[name], data = _build(config)
        yield f"{name}, {'A' if name == 'audio' else 'V'}", cast(LongVideoModule, branches[name]), data
    for name, overrides in (SMALL_STRONG if small else PAPER_STRONG).items():
        # at this threshold random weights predict half of the classes
        config = training_config([*overrides, *common, "model.smoothing.threshold=0.5"])
        module, data = _build(config, {"visual": branches[name], "audio": branches["audio"]})
        yield f"{name}, A&V", cast(LongVideoModule, module), data


def _build(
    config: TrainConfig, parts: Mapping[str, ExperimentModule] | None = None
) -> tuple[ExperimentModule, LUAVSDataModule]:
    data: LUAVSDataModule = build_data(config)
    return build_model(config, DataFacts(data.setting, tuple(data.labels)), pretrained=False, parts=parts).eval(), data


def speed(name: str, module: LongVideoModule, data: LUAVSDataModule, seconds: int, device: str) -> Speed:
    """Evaluate the video once."""
    module.to(device)
    scores = module.new_video_scores().to(device)
    video = data.release.videos["a"]
    wall, processor = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        for chunk, prediction in module.predict_video(data, "a"):
            scores.update(video, chunk, prediction)
            return_free_memory()
    scores.compute()
    if device == "cuda":
        torch.cuda.synchronize()
    return Speed(name, seconds / (time.perf_counter() - wall), seconds / (time.process_time() - processor))


def measure(seconds: int, rate: float, size: tuple[int, int], device: str, *, small: bool) -> list[Speed]:
    """Measure all modalities on a synthetic video of `seconds`, evaluated at `rate` frames per second."""
    speeds: list[Speed] = []
    with tempfile.TemporaryDirectory() as folder:
        write_release(Path(folder), seconds, size)
        common = [f"data.root={folder}", f"data.rate={rate}", "data.skip_missing=true", "data.num_workers=0"]
        common.append(f"data.labels={len(LABELS)}")
        for name, module, data in modules(common, small=small):
            speeds.append(speed(name, module, data, seconds, device))
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
        write_text(options.out, json.dumps([asdict(speed) for speed in speeds], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
