"""The timeline: each bar is where its segment is, at any length and with any number of classes."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from avseg.draw.labels import class_colour
from avseg.draw.timeline import Lane, _envelope, save_timeline, timeline_figure

WAVE = np.stack([-np.linspace(0, 0.5, 400), np.linspace(0, 0.5, 400)], 1).astype(np.float32)


def _lanes(count: int, duration: float) -> list[Lane]:
    third = duration / 3
    return [
        Lane(f"class {k}", class_colour(k), [(k * 0.1, third), (2 * third, duration)], [(0.0, 2 * third)])
        for k in range(count)
    ]


@pytest.mark.parametrize(("count", "duration"), [(1, 10.0), (12, 10.0), (1, 600.0), (12, 600.0)])
def test_bars_are_where_their_segments_are(count: int, duration: float) -> None:
    lanes = _lanes(count, duration)
    wave, axis = timeline_figure(lanes, WAVE, duration).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [lane.name for lane in lanes]
    assert axis.get_xlim() == wave.get_xlim() == (0, duration)
    assert "time (s)" in axis.get_xlabel()
    audible, segments = axis.collections[::2], axis.collections[1::2]
    for row, lane in enumerate(lanes):
        for drawn, spans in ((audible[row], lane.audible), (segments[row], lane.segments)):
            boxes = [path.get_extents() for path in drawn.get_paths()]
            assert [(box.x0, box.x1) for box in boxes] == [pytest.approx(span) for span in spans]
            assert all(abs((box.y0 + box.y1) / 2 - row) < 1e-9 for box in boxes)
            assert to_rgb(drawn.get_facecolor()[0]) == pytest.approx(np.array(lane.colour) / 255)
    totals = [text.get_text() for text in axis.texts]
    assert totals == [f"{sum(end - start for start, end in lane.segments):.1f} s" for lane in lanes]


@pytest.mark.parametrize(("count", "duration"), [(0, 3.0), (1, 10.0), (12, 600.0)])
def test_names_and_seconds_do_not_overlap(tmp_path: Path, count: int, duration: float) -> None:
    figure = timeline_figure(_lanes(count, duration), WAVE, duration)
    figure.canvas.draw()
    axis = figure.axes[1]
    for labels, edges in ((axis.get_yticklabels(), ("y0", "y1")), (axis.get_xticklabels(), ("x0", "x1"))):
        boxes = sorted([getattr(label.get_window_extent(), edge) for edge in edges] for label in labels)
        assert all(box[1] < following[0] for box, following in pairwise(boxes))
    save_timeline(tmp_path / "a" / "t.png", _lanes(count, duration), WAVE, duration)
    with Image.open(tmp_path / "a" / "t.png") as image:
        assert 900 <= image.width <= 1600


def test_without_predictions_a_text_says_so() -> None:
    _, axis = timeline_figure([], WAVE, 5.0).axes
    assert [text.get_text() for text in axis.texts] == ["nothing is predicted"]


def test_the_waveform_keeps_its_peaks() -> None:
    rng = np.random.default_rng(0)
    wave = np.sort(rng.normal(0, 0.1, (24_000, 2)), axis=1)
    wave[12_345] = (-0.9, 0.8)
    low, high = _envelope(wave, 1600)
    assert len(low) == len(high) == 1600
    assert (low.min(), high.max()) == (-0.9, 0.8)
    assert abs(int(np.argmin(low)) - 12_345 * 1600 // 24_000) <= 1
    assert [len(extrema) for extrema in _envelope(wave[:0], 1600)] == [0, 0]
    assert len(_envelope(wave[:7], 1600)[0]) == 7
