"""A complete tree is told complete; each planted defect is found and named, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import pytest

from avseg.data.check import Expected, find_settings, inspect_set
from avseg.data.check.published import PUBLISHED, expected_of
from avseg.utils.errors import UserError
from tests.data.check.defects import DEFECTS, Defect
from tests.data.check.tree import SMALL, make_tree, mask_bytes, replace_file, small, wav_bytes


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
@pytest.mark.parametrize("log_mel", [False, True])
def test_a_whole_tree_is_complete_and_sound(tmp_path: Path, setting: str, log_mel: bool) -> None:
    make_tree(tmp_path / "tree", setting, SMALL[setting], log_mel and setting != "avss")
    report = inspect_set(tmp_path / "tree", setting, small(setting))
    assert (report.findings, report.complete, report.sound) == ([], True, True)
    assert report.counts == SMALL[setting]


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["s4", "ms3"])
def test_published_counts_are_complete(tmp_path: Path, setting: str) -> None:
    make_tree(tmp_path / "tree", setting)
    done: list[tuple[int, int]] = []
    report = inspect_set(tmp_path / "tree", setting, jobs=2, tell=lambda *now: done.append(now))
    assert report.findings == []
    numbers = {"s4": (3452, 740, 740), "ms3": (296, 64, 64)}[setting]
    assert tuple(report.counts.values()) == numbers
    assert report.facts.get("categories") == ("23 of 23" if setting == "s4" else None)
    assert done == [(n, sum(numbers)) for n in range(1, sum(numbers) + 1)]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_found_and_nothing_else(tmp_path: Path, defect: Defect) -> None:
    layout = make_tree(tmp_path / "tree", defect.setting, SMALL[defect.setting], log_mel=defect.setting == "ms3")
    planted = defect.plant(layout, layout.entries("test")[1])
    report = inspect_set(layout.root, defect.setting, small(defect.setting))
    found = [(finding.kind, finding.file) for finding in report.findings]
    assert sorted(found) == sorted((kind, file) for kind, file, _ in planted)
    for kind, file, words in planted:
        assert any(words in one.what for one in report.findings if (one.kind, one.file) == (kind, file))
    assert all(finding.mend for finding in report.findings)
    assert report.complete == (not {kind for kind, *_ in planted} & {"index", "count", "missing"})
    assert not (layout.root / "it-ran").exists()


def test_at_least_twenty_defects_are_planted() -> None:
    assert len(DEFECTS) >= 20
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)


def test_other_counts_than_published_are_told_and_own_sets_are_not(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", "ms3", SMALL["ms3"])
    report = inspect_set(tmp_path / "tree", "ms3")
    assert [(finding.kind, finding.what.split(" (")[0]) for finding in report.findings] == [
        ("count", "train: 8 clips, expected 296"),
        ("count", "val: 3 clips, expected 64"),
        ("count", "test: 3 clips, expected 64"),
    ]
    assert inspect_set(tmp_path / "tree", "ms3", Expected()).sound


def test_an_empty_mask_of_a_silent_second_is_no_fault(tmp_path: Path) -> None:
    layout = make_tree(tmp_path / "tree", "s4", SMALL["s4"])
    clip = layout.entries("val")[0]
    replace_file(layout.wav(clip), wav_bytes(5, level=0.0005))
    replace_file(layout.masks(clip)[0], mask_bytes("s4", (slice(0, 0), slice(0, 0))))
    assert inspect_set(layout.root, "s4", small("s4")).sound


def test_of_twins_the_tested_one_is_named_whatever_the_order_of_the_index(tmp_path: Path) -> None:
    layout = make_tree(tmp_path / "tree", "ms3", SMALL["ms3"])
    train, test = layout.entries("train")[2], layout.entries("test")[1]
    replace_file(layout.frames(test)[0], layout.frames(train)[0].read_bytes())
    layout.write_index(layout.read_index()[::-1])
    (finding,) = inspect_set(layout.root, "ms3", small("ms3")).findings
    assert finding.file == f"ms3_data/visual_frames/{test.name}"
    assert finding.what == f"has first frame and sound of '{train.name}' in train"


@pytest.mark.slow
def test_processes_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = make_tree(tmp_path / "tree", "ms3", SMALL["ms3"])
    layout.frames(layout.entries("val")[1])[2].unlink()
    alone = inspect_set(layout.root, "ms3", small("ms3"), jobs=1)
    spread = inspect_set.__globals__["spread"]
    monkeypatch.setitem(inspect_set.__globals__, "spread", lambda work, items, jobs: spread(work, items, jobs, worth=1))
    assert inspect_set(layout.root, "ms3", small("ms3"), jobs=2).as_json() == alone.as_json()


def test_settings_are_found(tmp_path: Path) -> None:
    make_tree(tmp_path / "all" / "Single-source", "s4", SMALL["s4"])
    make_tree(tmp_path / "all" / "Multi-sources", "ms3", SMALL["ms3"])
    assert find_settings(tmp_path / "all") == ["s4", "ms3"]
    assert find_settings(tmp_path / "all", "ms3") == ["ms3"]
    for root, setting, words in (
        (tmp_path / "nowhere", None, "is no folder"),
        (tmp_path / "all", "avss", "holds no index of a data set (metadata.csv)"),
        (tmp_path / "all", "avs", "'avs' is unknown; allowed: s4, ms3, avss, lu_avs; did you mean 'avss'"),
        (tmp_path, None, "seg_train.json"),
    ):
        with pytest.raises(UserError) as error:
            find_settings(root, setting)
        assert words in str(error.value)
        assert "\n" not in str(error.value)


def test_the_maker_of_a_set_tells_what_it_should_hold(tmp_path: Path) -> None:
    assert expected_of(tmp_path, "s4") is PUBLISHED["s4"]
    (tmp_path / "prepare.json").write_text('{"setting": "own", "split": "val", "clip_seconds": 8}')
    (tmp_path / "report.json").write_text('{"clips": 7}')
    prepared = expected_of(tmp_path, "ms3")
    assert (prepared.splits, prepared.masks, prepared.seconds) == ({"train": 0, "val": 7, "test": 0}, False, 8)
    (tmp_path / "prepare.json").write_text('{"setting": "s4"}')
    assert expected_of(tmp_path, "s4") == replace(PUBLISHED["s4"], masks=False)
    (tmp_path / "generator.json").write_text('{"train": 3, "val": 0, "test": 1}')
    assert expected_of(tmp_path, "s4").splits == {"train": 3, "val": 0, "test": 1}
    (tmp_path / "generator.json").write_text("{")
    with pytest.raises(UserError, match=r"generator\.json is not readable JSON"):
        expected_of(tmp_path, "s4")
