"""Counts and shares against the pixels themselves; the plot is written and shows every split."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avseg.data.check.inspect import compute_statistics
from avseg.data.check.statistics import SplitStatistics, Statistics, quantiles
from avseg.data.setting import SPLITS
from avseg.draw.statistics import draw_statistics, save_statistics
from tests.data.check.tree import NAMES, SMALL, make_tree, mask_bytes, replace_file


def share_of(path: Path) -> float:
    return float(np.asarray(Image.open(path).convert("RGB")).any(-1).mean())


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
def test_statistics_are_those_of_the_pixels(tmp_path: Path, setting: str) -> None:
    layout = make_tree(tmp_path / "tree", setting, SMALL[setting])
    empty = layout.masks(layout.entries("val")[1])[2]
    replace_file(empty, mask_bytes(setting, (slice(0, 0), slice(0, 0))))
    replace_file(layout.masks(layout.entries("train")[0])[0], mask_bytes(setting, (slice(0, 3), slice(0, 2))))
    statistics = compute_statistics(layout.root, setting)
    for split in SPLITS:
        clips, here = layout.entries(split), statistics.splits[split]
        masks = [
            [np.asarray(Image.open(path).convert("RGB")).any(-1).mean() for path in layout.masks(c)] for c in clips
        ]
        shares = [share for clip in masks for share in clip]
        assert (here.clips, here.frames) == (len(clips), sum(len(layout.frames(clip)) for clip in clips))
        assert here.annotated == len(shares)
        assert here.silent == pytest.approx(np.mean([share == 0 for share in shares]))
        np.testing.assert_allclose(here.mask_sizes, [share for share in shares if share])
        by_second = [np.mean([clip[n] > 0 for clip in masks if len(clip) > n]) for n in range(max(map(len, masks)))]
        np.testing.assert_allclose(here.by_second, by_second)
        assert set(here.seconds) == {float(len(layout.frames(clip))) for clip in clips}
        names = {"s4": {clip.category for clip in clips}, "ms3": set(), "avss": {NAMES[1]}}[setting]
        assert set(here.categories) == names
    assert statistics.as_json()["splits"]["test"]["clips"] == SMALL[setting]["test"]


def test_quantiles() -> None:
    assert quantiles([]) == {}
    assert quantiles([float(n) for n in range(11)]) == {"mean": 5.0, "p10": 1.0, "median": 5.0, "p90": 9.0}


@pytest.mark.parametrize("setting", ["ms3", "s4", "lu_avs"])
def test_the_plot_shows_every_split(tmp_path: Path, setting: str) -> None:
    rng = np.random.default_rng(0)
    categories = {} if setting == "ms3" else {f"kind {n}": int(rng.integers(1, 40)) for n in range(35)}
    splits = {
        split: SplitStatistics(
            clips=10 * count,
            frames=50 * count,
            annotated=50 * count,
            silent=0.1,
            mask_sizes=rng.beta(2, 8, 90).tolist(),
            seconds=[5.0] * 10,
            segments=rng.uniform(1, 20, 30).tolist() if setting == "lu_avs" else [],
            categories=categories,
            by_second=[] if setting == "lu_avs" else [0.9, 0.95, 1.0, 0.9, 0.8],
        )
        for count, split in enumerate(SPLITS, 1)
    }
    statistics = Statistics(setting, splits)
    axes = draw_statistics(statistics).axes
    assert len(axes) == (3 if setting == "ms3" else 4)
    assert [label.get_text() for label in axes[0].get_yticklabels()] == list(SPLITS)[::-1]
    if categories:
        names = [label.get_text() for label in axes[3].get_yticklabels()]
        totals = [sum(split.categories[name] for split in splits.values()) for name in names]
        assert len(names) == 30
        assert totals == sorted(totals, reverse=True)
        assert "30 most frequent of 35" in axes[3].get_title(loc="left")
    if setting == "s4":  # drawing takes a second
        return
    save_statistics(tmp_path / "a" / "set.png", statistics, title="a set")
    pixels = np.asarray(Image.open(tmp_path / "a" / "set.png").convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_a_set_with_one_split_and_nothing_in_it_is_drawn(tmp_path: Path) -> None:
    save_statistics(tmp_path / "set.png", Statistics("ms3", {"test": SplitStatistics(clips=1)}))
    save_statistics(tmp_path / "long.png", Statistics("lu_avs", {"test": SplitStatistics(clips=1)}))
    assert (tmp_path / "long.png").stat().st_size > 1000
