"""Published numbers stay in the family of their metric."""

import pytest

from avseg.comparison.published import check_published, published_tables
from avseg.comparison.scoring import MethodScores
from avseg.comparison.table import ComparisonTable
from avseg.data.setting import ClipEntry, ClipSetting, find_setting
from avseg.utils.errors import UserError

SCORES = {"miou": 0.5, "fscore": 0.6, "dataset_iou": 0.7, "dataset_fscore": 0.8}


def table(clips: int) -> ComparisonTable:
    method = MethodScores("mine", "masks/", False, SCORES, {}, 0)
    return ComparisonTable("toy_ms3", "test", [ClipEntry("a")] * clips, [method], 4, tuple(SCORES), {}, (), {})


def test_families_are_never_mixed() -> None:
    frames, whole = published_tables(table(64), find_setting("ms3"))
    assert frames.rows[0][3:6] == ["50.00", "60.00 ʰ", "ours"]
    assert whole.rows[0][3:6] == ["70.00", "80.00", "ours"]
    # the same weights of CAVP in both
    assert [row[3] for row in frames.rows if row[0].startswith("CAVP")] == ["56.42", "55.82"]
    assert [row[3] for row in whole.rows if row[0].startswith("CAVP")] == ["72.79"]
    assert len(whole.rows) == 2
    assert not any("NOT COMPARABLE" in note for note in frames.notes)
    assert any("NOT COMPARABLE" in note for note in published_tables(table(7), find_setting("ms3"))[0].notes)
    with pytest.raises(UserError, match="no numbers for setting 'mine'"):
        check_published(ClipSetting("mine"))
