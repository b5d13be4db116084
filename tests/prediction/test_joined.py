"""Joined recordings from end to end: every second scored, and the record says what was done."""

import json
from pathlib import Path

import pytest

from avseg.media.video import probe
from avseg.prediction.clip_predictor import ClipPredictor
from avseg.prediction.writer import write_prediction
from tests.media.joined import FPS, drawn, join, make_part
from tests.prediction.fake_model import FakeModel


@pytest.mark.parametrize(
    "second", [{}, {"clock": 3600}, {"sample_rate": 44_100, "layout": "mono"}, {"size": (96, 128)}]
)
def test_both_parts_are_predicted(tmp_path: Path, second: dict[str, object]) -> None:
    parts = [make_part(tmp_path / "a.ts", 0), make_part(tmp_path / "b.ts", 50, **second)]  # type: ignore[arg-type]
    video = probe(join(tmp_path / "v.ts", parts))
    predictor = ClipPredictor(FakeModel())
    counts = write_prediction(predictor, video, tmp_path / "out")
    assert counts["seconds"] == 4
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert len(scores["seconds"]) == 4
    kind = "cut" if "clock" in second else "joint"
    assert [entry["kind"] for entry in scores["video"]["breaks"]] == [kind]
    assert scores["video"]["overlay_sound"] == "re-encoded as AAC: the recording is joined of parts"
    overlay = probe(tmp_path / "out" / "overlay.mp4")
    assert drawn(overlay) == list(range(100))
    assert overlay.duration == pytest.approx(100 / FPS, abs=0.5 / FPS)
