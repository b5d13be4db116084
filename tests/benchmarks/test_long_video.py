"""The speed on long videos is measured in every modality; times are not checked."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import bench_long_video


def test_every_modality_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    arguments = ["--small", "--seconds", "2", "--out", str(tmp_path / "speed.json")]
    assert bench_long_video.main(arguments) == 0
    speeds = json.loads((tmp_path / "speed.json").read_text())
    assert [speed["name"] for speed in speeds] == ["mask, V", "box, V", "audio, A", "mask, A&V", "box, A&V"]
    assert all(speed["wall"] > 0 and speed["processor"] > 0 for speed in speeds)
    assert "box, A&V" in capsys.readouterr().out
