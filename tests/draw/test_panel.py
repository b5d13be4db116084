"""Panels of clips and comparisons of methods."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from avseg.draw.palette import SOUNDING, TRUTH
from avseg.draw.panel import PanelClip, save_comparison, save_panel
from avseg.draw.strips import Row, blocks_figure


def _clip(seconds: int = 5, size: tuple[int, int] = (32, 48), dtype: type = np.float32) -> PanelClip:
    frames = np.full((seconds, *size, 3), 128, np.uint8)
    truth = np.zeros((seconds, *size), np.uint8)
    truth[:, 8:24, 4:20] = 1
    prediction = np.zeros((seconds, *size), dtype)
    prediction[:, 8:24, 28:44] = 1
    mel = np.full((seconds, 96, 64), -4.6, np.float32)
    return PanelClip("clip_é_1", frames, truth, prediction, mel, 0.5)


def _pixels_like(path: Path, colour: tuple[int, int, int]) -> int:
    grey = 128 * 0.5 + 30
    tint = 0.3 * grey + 0.7 * np.array(colour)
    with Image.open(path) as image:
        return int((np.abs(np.asarray(image.convert("RGB")) - tint).max(-1) < 4).sum())


@pytest.mark.parametrize("count", [1, 3])
def test_a_panel_shows_truth_and_prediction(tmp_path: Path, count: int) -> None:
    path = tmp_path / "deep" / "panel.png"
    save_panel(path, [_clip() for _ in range(count)])
    truth, prediction = _pixels_like(path, TRUTH), _pixels_like(path, SOUNDING)
    assert truth > 1000 * count
    assert prediction == pytest.approx(truth, rel=0.1)
    assert [entry.name for entry in path.parent.iterdir()] == ["panel.png"]


def test_long_names_of_rows_are_divided_between_words() -> None:
    name = "SST (reconstruction)"
    figure = blocks_figure(1, [("clip", [Row(name, np.zeros((5, 8, 8, 3), np.uint8))])])
    label = next(text for text in figure.axes[0].texts if "SST" in text.get_text())
    assert label.get_text() == "SST\n(reconstruction)"
    assert label.get_window_extent(FigureCanvasAgg(figure).get_renderer()).x0 > 0  # nothing is cut off


def test_a_probability_of_a_half_is_not_marked(tmp_path: Path) -> None:
    clip = _clip()
    clip.prediction = clip.prediction * 0.5
    save_panel(tmp_path / "p.png", [clip])
    assert _pixels_like(tmp_path / "p.png", SOUNDING) == 0


def test_clips_of_different_lengths_and_classes(tmp_path: Path) -> None:
    long = _clip(10, dtype=np.int64)
    long.truth = long.truth * 70
    long.score = None
    save_panel(tmp_path / "p.png", [_clip(5), long])
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_no_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        save_panel(tmp_path / "p.png", [])


def test_methods_on_one_clip(tmp_path: Path) -> None:
    clip = _clip()
    methods = {"clip scope": clip.prediction, "frame scope": clip.prediction * 0}
    scores = {"clip scope": [0.1] * 5, "frame scope": [0.9] * 5}
    save_comparison(tmp_path / "s.png", clip.frames, clip.mel, clip.truth, methods, scores=scores, title="a clip")
    save_comparison(tmp_path / "one.png", clip.frames, clip.mel, clip.truth, {"clip scope": clip.prediction})
    assert _pixels_like(tmp_path / "s.png", SOUNDING) > 1000
    with Image.open(tmp_path / "s.png") as two, Image.open(tmp_path / "one.png") as one:
        assert two.height > one.height
        assert two.width == one.width


def test_drawing_leaves_pyplot_alone() -> None:
    """No global figure state; that matplotlib is not even imported before is in tests/utils/test_late_imports.py."""
    assert "matplotlib.pyplot" not in (Path(__file__).parents[2] / "src/avseg/draw/strips.py").read_text()


def test_a_long_title_takes_several_lines_and_is_not_cut() -> None:
    title = "clip   J: " + ", ".join(f"method number {number} 12.3" for number in range(9))
    rows = [Row("frames", np.zeros((5, 8, 8, 3), np.uint8))]
    figure = blocks_figure(2, [(title, rows), ("short", rows)])
    figure.canvas.draw()
    width, height = figure.bbox.size
    texts = figure.axes[0].texts
    (long,) = [text for text in texts if text.get_text().startswith("clip")]
    assert " ".join(long.get_text().split()) == " ".join(title.split())
    box = long.get_window_extent()
    assert box.x1 < width / 2  # the other clip begins there
    assert box.y1 < height
    left, _, _, top = figure.axes[0].images[0].get_extent()
    assert box.y0 > figure.axes[0].transData.transform((left, top))[1]  # above the frames
