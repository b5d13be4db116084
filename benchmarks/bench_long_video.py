"""How fast long videos are evaluated, by modality, in seconds of video per second.

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
from rich.console import Console
from rich.table import Table

from avseg.data.lu_avs import LUAVSDataModule
from avseg.models.lu_avs.audio_module import SoundBranchTask
from avseg.models.lu_avs.base import VideoTest
from avseg.models.lu_avs.build import build_long_task
from avseg.models.lu_avs.composition import StrongBaselineTask
from avseg.models.lu_avs.frame_module import FrameBranchTask
from avseg.runs.configure import training_config
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file
from avseg.utils.memory import return_free_memory
from benchmarks.bench_predict import write_video

LABELS = [f"class {number}" for number in range(88)]
PAPER = {"mask": ["branch=mask"], "box": ["branch=box"], "audio": ["branch=audio", "audio.weights=random"]}
SMALL = {
    "mask": ["branch=toy_mask", "data.image_size=64"],
    "box": ["branch=toy_box", "data.image_size=64"],
    "audio": ["branch=toy_audio"],
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
    """A release of one test video with a moving square, a tone, and a mask of all classes' first on every frame."""
    (height, width), frames = size, seconds * rate
    write_video(root / "a.mp4", seconds, size, rate)
    known = [{"segment": [0, frames], "label": name, "label_id": k} for k, name in enumerate(LABELS)]
    video = {"duration": seconds, "fps": rate, "subset": "test", "annotations": known[:1]}
    # classes that nobody hears in this video are named in another split
    silent = {**video, "subset": "train", "annotations": known}
    (root / "seg_test.json").write_text(json.dumps({"a": video}))
    (root / "seg_train.json").write_text(json.dumps({"b": silent}))
    for name in LABELS[:1]:
        folder = root / f"a__{name.replace(' ', '_')}__st__0__et__{frames}"
        folder.mkdir()
        masks = np.lib.format.open_memmap(folder / "masks.npy", mode="w+", dtype=bool, shape=(frames, height, width))
        masks[:, : height // 2, : width // 2] = True


def tasks(words: dict[str, list[str]]) -> Iterator[tuple[str, VideoTest]]:
    """The branches with random weights, and their compositions."""
    torch.manual_seed(0)
    built: dict[str, VideoTest] = {}
    for name, said in words.items():
        config = training_config(said)
        config["branch"]["pretrained"] = False
        built[name] = build_long_task(config, LABELS).eval()
        yield f"{name}, {'A' if name == 'audio' else 'V'}", built[name]
    for name in ("mask", "box"):
        visual, audio = built[name], built["audio"]
        assert isinstance(visual, FrameBranchTask)
        assert isinstance(audio, SoundBranchTask)
        config = training_config(words[name])
        # half of the classes of random weights are heard
        config["branch"]["smoothing"]["threshold"] = 0.5
        yield f"{name}, A&V", StrongBaselineTask(config, visual, audio).eval()


def speed(name: str, task: VideoTest, data: LUAVSDataModule, seconds: int, device: str) -> Speed:
    """Evaluates the video once."""
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
    found = []
    with tempfile.TemporaryDirectory() as folder:
        write_release(Path(folder), seconds, size)
        for name, task in tasks(SMALL if small else PAPER):
            own = task.config["data"]
            options = {"long_side": own["options"].get("long_side"), "rate": rate, "skip_missing": True}
            branch = "box" if task.region == "box" else "mask"
            data = LUAVSDataModule(folder, branch, own["image_size"], num_workers=0, **options)
            found.append(speed(name, task, data, seconds, device))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_long_video", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="length of the video (default 10)")
    parser.add_argument("--rate", type=float, default=1.0, help="frames per second of the evaluation (default 1)")
    parser.add_argument("--small", action="store_true", help="toy networks on a video of 96 x 144 pixels, not 720p")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--out", type=Path, help="a json file to write")
    chosen = parser.parse_args(arguments)
    if chosen.seconds < 1 or not 0 < chosen.rate < math.inf:
        raise UserError(f"--seconds {chosen.seconds} --rate {chosen.rate}: give more than 0 of both")
    torch.set_num_threads(chosen.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = (96, 144) if chosen.small else (720, 1280)
    found = measure(chosen.seconds, chosen.rate, size, device, small=chosen.small)
    table = Table(title=f"{chosen.rate:g} frames per second of a {size[0]}p video, {device}", caption="random weights")
    for column in ("branch, modality", "seconds of video per second", "per second of processor time"):
        table.add_column(column, justify="left" if column.startswith("branch") else "right")
    for each in found:
        table.add_row(each.name, f"{each.wall:.2f}", f"{each.processor:.2f}")
    Console().print(table)
    if chosen.out:
        with atomic_file(chosen.out) as path:
            path.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
