"""Damaged files end in a result or in one line; `benchmarks/fuzz_media.py` tries hundreds."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from avseg.media.frame_index import frame_index
from avseg.media.frames import frames
from avseg.media.video import UprightRGB, probe
from avseg.media.video_writer import repaint
from benchmarks import fuzz_media
from tests.media.make_video import make_video, read_number

# container, damage, and seed and number of the file: those that failed once, and one of each container
FILES = [
    ("flv", "swap", (1, 56)),
    ("mov", "head", (0, 13)),
    ("nut", "swap", (0, 59)),
    ("mkv", "twice", (0, 171)),
    ("mp4", "flip", (0, 24)),
    ("m4v", "cut", (0, 2)),
    ("webm", "zero", (0, 40)),
    ("ts", "flip", (0, 29)),
    ("mpg", "join", (0, 90)),
    ("avi", "drop", (0, 67)),
    ("flv", "twice", (0, 80)),
    ("wmv", "swap", (0, 57)),
    ("ogg", "join", (0, 94)),
    ("m4v", "flip", (29, 218)),
]


@pytest.mark.filterwarnings("ignore:.*cannot be decoded:UserWarning")
@pytest.mark.parametrize(("suffix", "kind", "seed"), FILES)
def test_a_damaged_file_ends_in_a_result_or_one_line(
    tmp_path: Path, suffix: str, kind: str, seed: tuple[int, int]
) -> None:
    source = make_video(tmp_path / f"source.{suffix}", frames=100, **fuzz_media.CONTAINERS[suffix])
    path = tmp_path / f"v.{suffix}"
    fuzz_media.damage(source, path, kind, np.random.default_rng(list(seed)))
    outcome = fuzz_media.read(path)
    assert outcome in ("result", "one line")


@pytest.mark.parametrize("suffix", ["mp4", "ts"])  # with the times of coding, by which the damage is seen
@pytest.mark.parametrize("seconds", [20, 80, 700])
@pytest.mark.parametrize("number", [3, 40])
def test_a_frame_with_a_damaged_time_stamp_does_not_lengthen_the_video(
    tmp_path: Path, suffix: str, seconds: int, number: int
) -> None:
    source = make_video(tmp_path / f"source.{suffix}", frames=100, sample_rate=48000, options={"bf": "0"})
    path = tmp_path / f"v.{suffix}"
    with av.open(str(source)) as reading, av.open(str(path), "w") as writing:
        tracks = {stream.index: writing.add_stream_from_template(stream) for stream in reading.streams}
        frame = 0
        for packet in reading.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video":
                packet.pts += round(seconds / packet.time_base) if frame == number else 0
                frame += 1
            packet.stream = tracks[packet.stream.index]
            writing.mux(packet)
    index = frame_index(path)
    assert index.video.duration == pytest.approx(4, abs=0.1)
    assert index.video.breaks == ()
    others = [n for n in range(100) if n != number]
    upright = UprightRGB(0, 64, 96)
    assert [read_number(upright(frame.image)) for frame in index.decode(range(len(index)))] == others
    assert [frame.number for frame in frames(index.video)] == sorted([*range(99), number - 1])
    repaint(index.video, tmp_path / "out.mp4", lambda image, frame: image)
    copy = probe(tmp_path / "out.mp4")
    assert copy.duration == pytest.approx(4, abs=0.1)
    assert len(copy.times) == 99


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_three_hundred_damaged_files() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-m", "benchmarks.fuzz_media", "--seed", "1"], cwd=root, check=False)
    assert done.returncode == 0
