"""The whole program: `avseg annotate` is killed while it propagates and while masks are saved, and started again."""

import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import VideoFacts
from avseg.annotate.document.rle import encode
from tests.media.make_video import make_video

FRAMES = 120


@contextmanager
def served(folder):
    """The process, and a client of it."""
    words = [sys.executable, "-m", "avseg.cli.main", "annotate", str(folder), "--no-browser"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            address = urlsplit(process.stdout.readline().split()[-1])
            token = parse_qs(address.query)["token"][0]
            base = f"http://{address.netloc}/api"
            with httpx.Client(base_url=base, headers={"x-avseg-token": token}, timeout=120) as client:
                (entry,) = client.get("/videos").json()["videos"]
                yield process, client, f"/v/{entry['key']}"
        finally:
            process.kill()


def done(answer: httpx.Response) -> dict:
    assert answer.status_code == 200, answer.text
    return answer.json()


def brush(client, video, frame, version):
    """A painted mask; gives the version after it."""
    mask = np.zeros((48, 64), np.bool_)
    mask[frame % 40 : frame % 40 + 8, 5:20] = True
    body = {"object": 1, "frame": frame, "mask": encode(mask), "base_version": version}
    return done(client.post(f"{video}/brush", json=body))["snapshot"]["version"]


def wait_for_a_frame(client, video, version):
    """Wait until a propagation has written a frame."""
    deadline = time.monotonic() + 60
    while done(client.get(f"{video}/snapshot"))["version"] == version:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_kill_9_of_the_server_loses_nothing_that_it_answered(tmp_path):
    make_video(tmp_path / "one.mp4", frames=FRAMES, size=(48, 64), sound=None)
    home = tmp_path / ".avseg" / "one.mp4"
    facts = VideoFacts("one.mp4", FRAMES, 25.0, 48, 64)
    chance, painted = random.Random(3), {}
    for turn in range(4):
        with served(tmp_path) as (process, client, video):
            version = done(client.post(f"{video}/open"))["snapshot"]["version"]
            if not version:
                ops = [
                    {"op": "add_object", "label": "dog"},
                    {"op": "add_segment", "object": 1, "start": 0, "end": FRAMES},
                ]
                version = done(client.post(f"{video}/do", json={"ops": ops, "base_version": 0}))["snapshot"]["version"]
            version = brush(client, video, 7 * turn, version)
            painted[7 * turn] = turn
            body = {"segment": 1, "refine": False}
            done(client.post(f"{video}/propagate", json=body))
            wait_for_a_frame(client, video, version)
            for number in range(chance.randint(1, 12)):
                frame = 30 + 20 * turn + number
                version = brush(client, video, frame, done(client.get(f"{video}/snapshot"))["version"])
                painted[frame] = turn
            process.kill()
        doc = Document(facts, home)
        assert doc.version >= version
        assert set(doc.anchors(1)) >= set(painted)
        assert all(doc.mask(1, frame).sum() == 120 for frame in painted)
        doc.close()
    assert len(doc.masked_frames(1)) > len(painted)  # of the propagations too
