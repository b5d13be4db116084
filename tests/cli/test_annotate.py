import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
import yaml

from avseg.annotate.document.rle import encode
from avseg.annotate.project import Project
from avseg.cli.main import main
from tests.media.make_video import make_video
from tests.runs_for_tests import avseg


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("video") / "one.mp4", frames=12, size=(48, 64), sound="aac")


@pytest.fixture
def videos(tmp_path, video):
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "one.mp4").write_bytes(video.read_bytes())
    (folder / "two.mp4").write_bytes(video.read_bytes())
    return folder


def error_of(*words):
    command = avseg(["annotate", *map(str, words)])
    lines = command.err.strip().splitlines()
    assert command.code == 2, command
    assert len(lines) == 1, command.err
    assert lines[0].startswith("avseg: error: ")
    return lines[0]


def plan(path: Path, out: Path) -> Path:
    mask = np.zeros((48, 64), np.bool_)
    mask[20:40, 10:30] = True
    steps = [
        {"video": "one.mp4"},
        {"add_object": {"label": "dog"}},
        {"add_segment": {"object": 1, "start": 2, "end": 9}},
        {"set_mask": {"object": 1, "frame": 3, "mask": encode(mask), "source": "brush"}},
        {"propagate": {"segment": 1, "refine": False}},
        {"accept": {"segment": 1}},
        {"export": {"format": "csv", "out": str(out / "{video}")}},
    ]
    path.write_text(yaml.safe_dump(steps, sort_keys=False))
    return path


def test_help_has_the_backends_and_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["annotate", "--help"])
    text = capsys.readouterr().out
    assert "avseg annotate videos dog.mp4" in text
    assert "xmem" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none"], "no such folder"),
        (["videos/one.mp4"], "is a file"),
        (["videos", "oen.mp4"], "did you mean 'one.mp4'"),
        (["videos", "--backend", "sma"], "did you mean 'sam'"),
        (["videos", "--backend", "sam"], "needs weights, as --backend sam=PATH"),
        (["videos", "--backend", "isnet"], "give its file, as --backend isnet=FILE, or put it at"),
        (["videos", "--backend", "light=x"], "light takes no weights"),
        (["videos", "--backend", "flow", "--backend", "xmem=a"], "both propagate masks"),
        (["videos", "--weights", "x"], "the default backend has none"),
        (["videos", "--backend", "sam=a", "--backend", "sam2=b"], "sam and sam2: both draw masks; choose one"),
        (["videos", "--backend", "sam", "--backend", "xmem", "--weights", "a"], "--weights a: name its backend"),
        (["videos", "--audio-branch", "none"], "--audio-branch none: does not exist"),
        (["videos", "--port", "70000"], "between 0 and 65535"),
        (["videos", "--device", "gpu"], "--device gpu: no such device; use auto"),
        (["videos", "--device", "cuda:99"], "--device cuda:99: cannot be used here"),
        (["videos", "--export", "png"], "give both"),
        (["videos", "one.mp4", "--export", "pgn", "--out", "o"], "did you mean 'png'"),
        (["videos", "--export", "pgn", "--out", "o"], "error: --export 'pgn' is unknown"),  # once, not for each video
        (["videos", "--import", "lu", "none"], "error: --import 'lu' is unknown; allowed: lu_avs, avsbench"),
        (["videos", "one.mp4", "--export", "png", "--out", "o"], "no audible segment"),
        (["videos", "--import", "lu_avs", "none"], "2 of 2 videos failed"),
        (["videos", "--headless", "none.yaml"], "cannot be read"),
    ],
)
def test_errors_are_reported_in_one_line(videos, monkeypatch, words, message):
    monkeypatch.chdir(videos.parent)
    assert message in error_of(*words)


def test_without_the_extra(videos, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fastapi" else find_spec(name))
    assert "needs fastapi: pip install 'avseg[annotate]'" in error_of(videos)


def test_a_plan_an_export_and_an_import(videos, tmp_path):
    path = plan(tmp_path / "plan.yaml", tmp_path / "out")
    done = avseg(["annotate", str(videos), "--headless", str(path)])
    assert done.code == 0, done.err
    assert "one.mp4: propagate: segment 1, 6 frames" in done.out
    with next((tmp_path / "out" / "one").glob("*.csv")).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["dog"]
    again = avseg(["annotate", str(videos), "--headless", str(path)])
    assert "all 6 steps were done before" in again.out

    out = tmp_path / "lu"
    words = ["annotate", str(videos), "one.mp4", "--export", "lu_avs", "--out", str(out)]
    assert avseg(words).code == 0
    assert "overwrite" in error_of(*words[1:])
    assert avseg([*words, "--overwrite"]).code == 0
    again = avseg([*words[:3], "--export", "png", "--out", str(tmp_path / "png")])
    assert again.out.count("have no mask") == 0, again
    with Project(videos) as project:
        project.open("one.mp4").do({"op": "clear_mask", "object": 1, "frame": 3})
    for format, message in (("png", "png (1 of 7 frames have no mask yet)\n"), ("csv", "csv\n")):
        out_of = str(tmp_path / "lacking" / format)
        assert avseg([*words[:3], "--export", format, "--out", out_of]).out.endswith(message)
    with Project(videos) as project:
        project.open("one.mp4").undo()
    (videos / "one.mp4").rename(tmp_path / "moved.mp4")  # the same video in another project
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "moved.mp4").rename(other / "one.mp4")
    done = avseg(["annotate", str(other), "--import", "lu_avs", str(out)])
    assert "1 objects, 1 segments, 7 masks" in done.out, done
    lines = (other / ".avseg" / "one.mp4" / "journal.jsonl").read_text().splitlines()
    assert len({json.loads(line).get("group") for line in lines[1:]}) == 1  # one step for undo


@pytest.mark.slow
def test_the_server_prints_its_address_and_stops_on_ctrl_c(videos):
    words = [sys.executable, "-m", "avseg.cli.main", "annotate", str(videos), "--no-browser"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        line = process.stdout.readline()
        assert "http://127.0.0.1:" in line
        assert "?token=" in line
        httpx.get(line.split(" at ")[1].strip())  # it runs
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "everything is saved" in out
    assert err == ""


@pytest.mark.slow
def test_sam_draws_and_xmem_propagates(videos, tmp_path):
    """The paper's tool: SAM for the first masks and for refinement, XMem between; tiny random models replace both."""
    from avseg.annotate.backends import make_segmenter
    from avseg.nn.xmem import tiny_xmem

    make_segmenter("tiny").model.save_pretrained(tmp_path / "sam")
    torch.save(tiny_xmem().state_dict(), tmp_path / "XMem.pth")
    steps = yaml.safe_load(plan(tmp_path / "plan.yaml", tmp_path / "out").read_text())
    steps[3] = {"click": {"object": 1, "frame": 3, "points": [[20, 30, 1]]}}
    steps[4]["propagate"]["refine"] = True
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(steps, sort_keys=False))
    backends = ["--backend", f"sam={tmp_path / 'sam'}", "--backend", f"xmem={tmp_path / 'XMem.pth'}"]
    command = avseg(["annotate", str(videos), *backends, "--device", "cpu", "--headless", str(tmp_path / "plan.yaml")])
    assert command.code == 0, command.err
    with Project(videos) as project:
        document = project.open("one.mp4")
        models = [document.frame_info(1, frame).model for frame in range(2, 9)]
    assert models[1] == "Sam"
    assert {model for place, model in enumerate(models) if place != 1} == {"XMemPropagator+Sam"}
