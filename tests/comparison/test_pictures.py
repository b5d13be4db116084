"""Which clips are shown, and what panels and videos hold."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from avseg.comparison.pictures import save_panels, save_video
from avseg.comparison.scoring import MethodScores
from avseg.comparison.selection import choose_clips, disagreement
from avseg.comparison.shown_clip import ShownClip
from avseg.comparison.table import ComparisonTable
from avseg.data.setting import ClipEntry
from avseg.draw.palette import SOUNDING, TRUTH
from avseg.utils.errors import UserError


def table(*scores: list[float]) -> ComparisonTable:
    methods = []
    for number, values in enumerate(scores):
        clips = {index: {"miou": value} for index, value in enumerate(values)}
        methods.append(MethodScores(f"m{number}", "", True, {}, clips, 0))
    entries = [ClipEntry(f"clip{index}") for index in range(len(scores[0]))]
    return ComparisonTable("toy", "test", entries, methods, 4, ("miou",), {}, (), {})


def test_rules_choose_their_clips_once() -> None:
    scores = table([0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0], [0.4, 0.9, 0.6, 0.5])
    spread = [0.1, 0.9, 0.2, 0.8]
    chosen = choose_clips(["disagreement:2", "gain:1", "clip0"], scores, spread, 0)
    assert chosen == [(1, "disagreement 90 %"), (3, "disagreement 80 %"), (2, "m2 +10.0 over m0"), (0, "")]
    first = choose_clips(["random:2"], scores, spread, 5)
    assert first == choose_clips(["random:2"], scores, spread, 5)
    assert len(choose_clips(["random:9"], scores, spread, 5)) == 4
    with pytest.raises(UserError, match="no clip of the split"):
        choose_clips(["clip11"], scores, spread, 0)
    with pytest.raises(UserError, match="not a number of clips"):
        choose_clips(["gain:x"], scores, spread, 0)
    with pytest.raises(UserError, match="needs two methods"):
        choose_clips(["gain"], table([0.1]), [0.0], 0)


def test_disagreement_is_the_mean_over_pairs() -> None:
    masks = np.zeros((3, 2, 2, 2), dtype=bool)
    assert disagreement(masks) == 0
    masks[0, 0] = True  # against two empty ones in one of two frames
    assert disagreement(masks) == pytest.approx(2 / 3 / 2)


def clip(waveform: np.ndarray | None) -> ShownClip:
    frames = np.full((5, 32, 48, 3), 120, np.uint8)
    truth = np.zeros((5, 32, 48), dtype=bool)
    truth[:, 8:24, 4:20] = True
    other = np.roll(truth, 20, axis=2)
    labelled = np.ones(5, dtype=bool)
    return ShownClip(
        0, "$a_1", "dog", frames, truth, labelled, {"same": truth, "moved": other}, {"same": 1.0}, waveform
    )


def test_the_sound_track_marks_audible_seconds() -> None:
    wave = np.zeros((2, 4 * 16_000), np.float32)  # shorter than the clip
    wave[:, 16_000:32_000] = 0.1
    wave[:, 32_000:48_000] = 1e-4
    track = clip(wave).wave
    assert track is not None
    assert track.audible.tolist() == [False, True, False, False, False]
    np.testing.assert_allclose(track.extrema[1], 0.1)


@pytest.mark.parametrize("waveform", [None, np.random.default_rng(0).normal(0, 0.1, (1, 80_000)).astype(np.float32)])
def test_panels_and_video(tmp_path: Path, waveform: np.ndarray | None) -> None:
    item = clip(waveform)
    assert item.frame_iou("same") == [1.0] * 5
    assert item.frame_iou("moved") == [0.0] * 5
    save_panels(tmp_path / "panels", [(item, "random, seed 0")])
    names = sorted(path.name for path in (tmp_path / "panels").iterdir())
    assert names == ["$a_1.pdf", "$a_1.png", "figure.pdf", "figure.png"]
    assert (tmp_path / "panels/figure.pdf").read_bytes().startswith(b"%PDF")
    pixels = np.asarray(Image.open(tmp_path / "panels/figure.png").convert("RGB")).astype(int)
    grey = 120 * 0.5 + 30
    for colour, rows in ((SOUNDING, 2), (TRUTH, 1)):
        like = np.abs(pixels - (0.3 * grey + 0.7 * np.array(colour))).max(-1) < 5
        assert like.mean() > 0.01 * rows
    save_video(tmp_path / "v.mp4", item)
    with av.open(str(tmp_path / "v.mp4")) as video:
        assert [stream.type for stream in video.streams] == ["video", "audio"]
        image = next(video.decode(video=0)).to_ndarray(format="rgb24")
    assert image.shape[1] == 4 * 48 * 6  # frames, two methods, truth; 6 pixels for one
    cell = image[20 + 16 * 6, 3 * 48 * 6 + 12 * 6].astype(int)  # within the object of the truth
    assert np.abs(cell - (0.55 * 120 + 0.45 * np.array(TRUTH))).max() < 12
