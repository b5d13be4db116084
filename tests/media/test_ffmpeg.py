"""The same frames, sizes and durations as FFmpeg's own programs show, where they are installed."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avseg.media.frames import frames
from avseg.media.video import UprightRGB, probe
from tests.media.make_video import make_video
from tests.media.test_joined import make_joined
from tests.media.test_upright import MATRICES, write_corners

pytestmark = pytest.mark.skipif(not (shutil.which("ffprobe") and shutil.which("ffmpeg")), reason="needs FFmpeg")
PLAIN = {
    "v.mp4": {},
    "v.mkv": {"sound": "flac"},
    "v.ts": {"sample_rate": 48000},
    "v.mpg": {"codec": "mpeg2video", "sound": "mp2", "sample_rate": 48000},
}


def _ffprobe(path: Path) -> dict[str, str]:
    entries = "stream=nb_read_frames,width,height,duration:format=duration"
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames", "-show_entries", entries]
    done = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True)
    report = json.loads(done.stdout)
    return {**report["format"], **report["streams"][0]}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files(tmp_path: Path, name: str) -> None:
    path = make_video(tmp_path / name, **PLAIN[name])
    video, report = probe(path), _ffprobe(path)
    assert len(video.times) == int(report["nb_read_frames"])
    assert (video.width, video.height) == (report["width"], report["height"])
    if name != "v.mpg":  # ffprobe estimates it from the last packets, without their durations
        assert video.duration == pytest.approx(float(report["duration"]), abs=0.05)


@pytest.mark.parametrize("name", ["restart.ts", "hour.ts", "rate.ts", "restart.mpg"])
def test_all_frames_of_joined_files(tmp_path: Path, name: str) -> None:
    path, _ = make_joined(tmp_path, name)
    assert len(probe(path).times) == int(_ffprobe(path)["nb_read_frames"])


@pytest.mark.parametrize("name", [name for name in MATRICES if name != "odd angle"])  # turned exactly by FFmpeg
def test_display_matrices(tmp_path: Path, name: str) -> None:
    path = write_corners(tmp_path / "v.mp4", MATRICES[name])
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", str(tmp_path / "v.png")], check=True)
    expected = np.array(Image.open(tmp_path / "v.png").convert("RGB"))
    video = probe(path)
    image = UprightRGB(video.view, video.height, video.width)(next(frames(video)).image)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 4
