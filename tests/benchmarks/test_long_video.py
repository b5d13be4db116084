"""The speed of long videos is measured in every modality; no test asks how long anything takes."""

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
    say = ["--small", "--seconds", "2", "--out", str(tmp_path / "speed.json")]
    assert bench_long_video.main(say) == 0
    found = json.loads((tmp_path / "speed.json").read_text())
    assert [each["name"] for each in found] == ["mask, V", "box, V", "audio, A", "mask, A&V", "box, A&V"]
    assert all(each["wall"] > 0 and each["processor"] > 0 for each in found)
    assert "box, A&V" in capsys.readouterr().out
