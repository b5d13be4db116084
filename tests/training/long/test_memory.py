"""Peak memory of an evaluation does not grow with the length of its videos."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.media.make_video import make_video
from tests.runs_for_tests import avseg
from tests.training.long.words import words

SIZE = (720, 1280)
PEAK = """
import re, sys
from avseg.cli.main import main
code = main(sys.argv[1:])
# not `ru_maxrss`, which begins with the memory of the parent
print("peak", re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
raise SystemExit(code)
"""


def release(lu_toy, root, seconds):
    """The toy with a 720p video of one object in place of its validation videos."""
    shutil.copytree(lu_toy, root)
    (root / "bbox_segs_val.json").unlink(missing_ok=True)
    told = json.loads((root / "seg_train.json").read_text())
    annotation = next(a for video in told.values() for a in video["annotations"])
    frames = 2 * seconds
    make_video(root / "videos/long.mp4", frames=frames, rate=2, size=SIZE, options={"preset": "ultrafast"})
    entry = {"duration": seconds, "fps": 2, "subset": "val", "annotations": [{**annotation, "segment": [0, frames]}]}
    (root / "seg_val.json").write_text(json.dumps({"long": entry}))
    folder = root / "annotations" / f"long__{annotation['label'].replace(' ', '_')}__st__0__et__{frames}"
    folder.mkdir()
    # a file with holes: it takes no room on the disk
    np.lib.format.open_memmap(folder / "masks.npy", mode="w+", dtype=bool, shape=(frames, *SIZE))[:, 0, 0] = True
    return root


def peak(run, root, out):
    """Peak memory in KB of the command in a process of its own."""
    say = ["evaluate", f"checkpoint={run}", f"root={root}", "split=val", "rate=1", f"out={out}", "trainer=cpu"]
    done = subprocess.run([sys.executable, "-c", PEAK, *say], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "result.json").read_text())["videos"] == 1
    return int(done.stdout.rpartition("peak ")[2])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mask", "box"])
def test_five_minutes_take_the_memory_of_ten_seconds(lu_toy, tmp_path, kind):
    outputs, size = tmp_path / "outputs", "data.image_size=64"
    for branch in (kind, "audio", f"strong_{kind}"):
        # the gate is open all the time, so that regions are drawn
        more = [] if branch in (kind, "audio") else ["model.smoothing.threshold=0"]
        made = avseg(words(branch, lu_toy, outputs, size, *more), outputs)
        assert made.code == 0, made.err
    (run,) = outputs.glob("*/*strong*/seed=*")
    peaks = [peak(run, release(lu_toy, tmp_path / str(s), s), tmp_path / f"out{s}") for s in (10, 300)]
    assert peaks[1] < 1.1 * peaks[0], peaks
    print(peaks)
