"""A complete tree has no findings; each planted defect has exactly one report."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from avseg.data.check import clips
from avseg.data.check.inspect import find_settings, inspect_set
from avseg.data.check.published import PUBLISHED, Expected, expected_counts
from avseg.utils.errors import UserError
from avseg.utils.processes import map_in_order
from tests.data.check.defects import DEFECTS, Defect
from tests.data.check.tree import SMALL, make_tree, mask_bytes, replace_file, small, wav_bytes


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
@pytest.mark.parametrize("log_mel", [False, True])
def test_a_complete_tree_has_no_findings(tmp_path: Path, setting: str, log_mel: bool) -> None:
    make_tree(tmp_path / "tree", setting, SMALL[setting], log_mel and setting != "avss")
    report = inspect_set(tmp_path / "tree", setting, small(setting))
    assert (report.findings, report.complete, report.valid) == ([], True, True)
    assert report.counts == SMALL[setting]


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["s4", "ms3"])
def test_published_counts_are_complete(tmp_path: Path, setting: str) -> None:
    make_tree(tmp_path / "tree", setting)
    done: list[tuple[int, int]] = []
    report = inspect_set(tmp_path / "tree", setting, jobs=2, progress=lambda *counts: done.append(counts))
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
    reported = [(finding.issue, finding.file) for finding in report.findings]
    assert sorted(reported) == sorted((issue, file) for issue, file, _ in planted)
    for issue, file, text in planted:
        messages = [finding.message for finding in report.findings if (finding.issue, finding.file) == (issue, file)]
        assert any(text in message for message in messages)
    assert all(finding.fix for finding in report.findings)
    assert report.complete == (not {issue for issue, *_ in planted} & {"index", "count", "missing"})
    assert not (layout.root / "it-ran").exists()


def test_at_least_twenty_defects_are_planted() -> None:
    assert len(DEFECTS) >= 20
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)


def test_counts_are_compared_with_the_published_ones_unless_others_are_expected(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", "ms3", SMALL["ms3"])
    report = inspect_set(tmp_path / "tree", "ms3")
    assert [(finding.issue, finding.message.split(" (")[0]) for finding in report.findings] == [
        ("count", "train: 8 clips, expected 296"),
        ("count", "val: 3 clips, expected 64"),
        ("count", "test: 3 clips, expected 64"),
    ]
    assert inspect_set(tmp_path / "tree", "ms3", Expected()).valid


def test_an_empty_mask_of_a_silent_second_is_not_a_finding(tmp_path: Path) -> None:
    layout = make_tree(tmp_path / "tree", "s4", SMALL["s4"])
    clip = layout.entries("val")[0]
    replace_file(layout.wav(clip), wav_bytes(5, level=0.0005))
    replace_file(layout.masks(clip)[0], mask_bytes("s4", (slice(0, 0), slice(0, 0))))
    assert inspect_set(layout.root, "s4", small("s4")).valid


def test_of_duplicates_the_test_clip_is_reported_in_any_order_of_the_index(tmp_path: Path) -> None:
    layout = make_tree(tmp_path / "tree", "ms3", SMALL["ms3"])
    train, test = layout.entries("train")[2], layout.entries("test")[1]
    replace_file(layout.frames(test)[0], layout.frames(train)[0].read_bytes())
    layout.write_index(layout.read_index()[::-1])
    (finding,) = inspect_set(layout.root, "ms3", small("ms3")).findings
    assert finding.file == f"ms3_data/visual_frames/{test.name}"
    assert finding.message == f"has first frame and sound of '{train.name}' in train"


@pytest.mark.slow
def test_several_processes_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = make_tree(tmp_path / "tree", "ms3", SMALL["ms3"])
    layout.frames(layout.entries("val")[1])[2].unlink()
    alone = inspect_set(layout.root, "ms3", small("ms3"), jobs=1)
    monkeypatch.setattr(clips, "map_in_order", partial(map_in_order, min_items=1))
    assert inspect_set(layout.root, "ms3", small("ms3"), jobs=2).as_json() == alone.as_json()


def test_settings_are_found(tmp_path: Path) -> None:
    make_tree(tmp_path / "all" / "Single-source", "s4", SMALL["s4"])
    make_tree(tmp_path / "all" / "Multi-sources", "ms3", SMALL["ms3"])
    assert find_settings(tmp_path / "all") == ["s4", "ms3"]
    assert find_settings(tmp_path / "all", "ms3") == ["ms3"]
    for root, setting, text in (
        (tmp_path / "nowhere", None, "is not a folder"),
        (tmp_path / "all", "avss", "holds no index of a data set (metadata.csv)"),
        (tmp_path / "all", "avs", "'avs' is unknown; allowed: s4, ms3, avss, lu_avs; did you mean 'avss'"),
        (tmp_path, None, "seg_train.json"),
    ):
        with pytest.raises(UserError) as error:
            find_settings(root, setting)
        assert text in str(error.value)
        assert "\n" not in str(error.value)


def test_the_record_of_the_generator_overrides_the_published_counts(tmp_path: Path) -> None:
    assert expected_counts(tmp_path, "s4") is PUBLISHED["s4"]
    (tmp_path / "prepare.json").write_text('{"setting": "own", "split": "val", "clip_seconds": 8}')
    (tmp_path / "report.json").write_text('{"clips": 7}')
    prepared = expected_counts(tmp_path, "ms3")
    assert (prepared.splits, prepared.masks, prepared.seconds) == ({"train": 0, "val": 7, "test": 0}, False, 8)
    (tmp_path / "prepare.json").write_text('{"setting": "s4"}')
    assert expected_counts(tmp_path, "s4") == replace(PUBLISHED["s4"], masks=False)
    (tmp_path / "generator.json").write_text('{"train": 3, "val": 0, "test": 1}')
    assert expected_counts(tmp_path, "s4").splits == {"train": 3, "val": 0, "test": 1}
    (tmp_path / "generator.json").write_text("{")
    with pytest.raises(UserError, match=r"generator\.json is not readable JSON"):
        expected_counts(tmp_path, "s4")
