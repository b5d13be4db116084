"""Figures A1 and A2 of a data set: every category with its count, exactly the annotated frames with a border."""

from pathlib import Path

import numpy as np
import pytest

from avseg.data.check.examples import read_examples
from avseg.data.check.statistics import SplitStatistics, Statistics
from avseg.data.lu_avs.release import read_release
from avseg.data.lu_avs.synthetic.renderer import SyntheticVideoConfig
from avseg.data.lu_avs.synthetic.writer import write_release
from avseg.data.synthetic.toy import ToyCast
from avseg.draw.categories import draw_categories
from avseg.draw.examples import _FRAME, draw_examples
from tests.data.check.tree import SMALL, make_tree


def statistics(categories: int, setting: str = "s4") -> Statistics:
    rng = np.random.default_rng(0)
    splits = {}
    for split in ("train", "val", "test"):
        counts = {f"kind_$x$ {number}": int(rng.integers(1, 40)) for number in range(categories)}
        splits[split] = SplitStatistics(clips=30, categories=counts)
    return Statistics(setting, splits)


@pytest.mark.parametrize(("categories", "columns"), [(1, 1), (23, 1), (70, 2)])
def test_every_category_has_a_bar_with_its_count(categories: int, columns: int) -> None:
    data = statistics(categories)
    figure = draw_categories(data)
    assert len(figure.axes) == columns
    shown: dict[str, str] = {}
    for axis in figure.axes:
        names = [label.get_text() for label in axis.get_yticklabels()]
        shown |= dict(zip(names, (text.get_text() for text in axis.texts), strict=True))
    totals = {name: sum(split.categories[name] for split in data.splits.values()) for name in shown}
    assert len(shown) == categories
    assert shown == {name: str(total) for name, total in totals.items()}
    assert list(totals.values()) == sorted(totals.values(), reverse=True)
    figure.draw_without_rendering()


def test_examples_carry_labels_as_the_release_does(tmp_path: Path) -> None:
    layout = make_tree(tmp_path / "tree", "s4", SMALL["s4"])
    clips = read_examples(layout.root, "s4", 2)
    assert [clip.split for clip in clips] == ["train", "train", "val", "val", "test", "test"]
    for clip in clips:
        expected = [True, False, False, False, False] if clip.split == "train" else [True] * 5
        assert clip.annotated.tolist() == expected
        assert clip.frames.shape == (5, 224, 224, 3)
        assert clip.masks[clip.annotated].any()
        assert not clip.masks[~clip.annotated].any()
        assert clip.category


def test_exactly_the_annotated_frames_have_a_border(tmp_path: Path) -> None:
    layout = make_tree(tmp_path / "tree", "s4", SMALL["s4"])
    clips = read_examples(layout.root, "s4", 1)
    figure = draw_examples(clips, "s4")
    strips = [image.get_array() for image in figure.axes[0].images]
    assert len(strips) == len(clips)
    for strip, clip in zip(strips, clips, strict=True):
        width = clip.frames.shape[2]
        step = (strip.shape[1] - width) / (len(clip.frames) - 1)
        framed = [tuple(strip[0, round(number * step)]) == _FRAME for number in range(len(clip.frames))]
        assert framed == clip.annotated.tolist()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert any("carries a label" in text for text in texts)


def test_long_videos_frame_their_audible_seconds(tmp_path: Path) -> None:
    config = SyntheticVideoConfig(ToyCast(), 32, (4, 6), 0.25)
    write_release(tmp_path, config, {"train": 2, "val": 1, "test": 1}, {})
    clips = read_examples(tmp_path, "lu_avs", 2)
    release = read_release(tmp_path)
    for clip in clips:
        video = release.videos[clip.name]
        for time, annotated, mask in zip(clip.times, clip.annotated, clip.masks, strict=True):
            frame = round(time * video.fps)
            assert annotated == any(segment.start <= frame < segment.end for segment in video.segments)
            assert annotated or not mask.any()
    assert any(clip.masks.any() for clip in clips)
    assert any("audible segment" in text.get_text() for text in draw_examples(clips, "lu_avs").axes[0].texts)
