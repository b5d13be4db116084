"""The split over shards, their reports, and what cannot be merged."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from avseg.utils.errors import UserError
from avseg.utils.shards import Shard, ShardReport, Work, merge_reports

KEYS = (*map(str, range(10)), "bad\udcff", "two\nlines")


@dataclass(frozen=True)
class Item:
    name: str
    score: float = 0.1
    size: tuple[int, int] | None = None
    notes: list[str] = field(default_factory=list)


def _report(folder: Path, text: str, keys: tuple[str, ...] = KEYS, **options: object) -> ShardReport[Item]:
    return ShardReport(folder, Work("work", keys, options), Shard.parse(text), Item)


def _run(report: ShardReport[Item], limit: int = 99, *, overwrite: bool = False) -> int:
    """Finish at most `limit` items; returns how many were finished before."""
    with report.open(overwrite=overwrite) as earlier:
        for key in sorted(report.keys - earlier.keys())[:limit]:
            report.add({key: Item(key, 1 / 3, (4, 5), ["a\tb"])})
    return len(earlier)


@pytest.mark.parametrize("count", [1, 2, 4, 7, 12, 20])
def test_shards_are_disjoint_complete_balanced_and_independent_of_the_order(count: int) -> None:
    shuffled = list(KEYS)
    random.Random(0).shuffle(shuffled)
    parts = [Shard(number, count).select(KEYS) for number in range(1, count + 1)]
    assert parts == [Shard(number, count).select(shuffled) for number in range(1, count + 1)]
    assert sorted(key for part in parts for key in part) == sorted(KEYS)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/", "a/b", "-1/4", "1/0", "1.0/4", ""])
def test_a_wrong_shard(text: str) -> None:
    with pytest.raises(UserError, match=r"must be I/N with I from 1 to N"):
        Shard.parse(text)


def test_results_come_back_in_the_order_of_the_keys(tmp_path: Path) -> None:
    for text in ("3/3", "1/3", "2/3"):
        _run(_report(tmp_path, text))
    assert merge_reports(tmp_path, Work("work", KEYS, {}), Item) == [Item(key, 1 / 3, (4, 5), ["a\tb"]) for key in KEYS]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jsonl"] * 3  # no lock is left


def test_a_killed_shard_continues(tmp_path: Path) -> None:
    report = _report(tmp_path, "1/2")
    assert _run(report, limit=3) == 0
    with report.path.open("a") as file:
        file.write('{"key": "4", "resu')  # a line that was cut
    assert _run(report, limit=1, overwrite=True) == 3  # an incomplete one continues also then
    assert _run(report) == 4
    assert _run(report, overwrite=True) == 0  # a complete one begins anew
    assert len(report.read()[1]) == 6


def test_two_commands_cannot_run_one_shard(tmp_path: Path) -> None:
    with (
        _report(tmp_path, "1/2").open(),
        pytest.raises(UserError, match=r"--shard 1/2 is being run by process"),
        _report(tmp_path, "1/2").open(),
    ):
        pass


def test_other_options_are_refused(tmp_path: Path) -> None:
    _run(_report(tmp_path, "1/1", threshold=0.5), limit=1)
    with pytest.raises(UserError, match=r"begun with threshold 0.5 and not 0.7; use the same options"):
        _run(_report(tmp_path, "1/1", threshold=0.7))
    _run(_report(tmp_path, "1/1", threshold=0.5))
    with pytest.raises(UserError, match=r"made with threshold 0.5 and not 0.7; merge with the same"):
        merge_reports(tmp_path, Work("work", KEYS, {"threshold": 0.7}), Item)
    assert _run(_report(tmp_path, "1/1", threshold=0.7), overwrite=True) == 0


def test_missing_incomplete_and_foreign_shards_are_named(tmp_path: Path) -> None:
    work = Work("work", KEYS, {})
    with pytest.raises(UserError, match=r"has no reports of shards; run --shard 1/N"):
        merge_reports(tmp_path / "new", work, Item)
    _run(_report(tmp_path, "1/4"))
    _run(_report(tmp_path, "3/4"), limit=1)
    with pytest.raises(UserError, match=r"not complete in .*: 2/4, 3/4, 4/4; run these shards"):
        merge_reports(tmp_path, work, Item)
    _run(_report(tmp_path, "2/4", KEYS[1:]))
    with pytest.raises(UserError, match=r"made of other videos \(11, now there are 12\); run --shard 2/4 again"):
        merge_reports(tmp_path, work, Item)
    _run(_report(tmp_path, "1/2"))
    with pytest.raises(UserError, match=r"has reports of 2 and of 4 shards"):
        merge_reports(tmp_path, work, Item)


def test_more_shards_than_items(tmp_path: Path) -> None:
    for number in range(1, 4):
        _run(_report(tmp_path, f"{number}/3", ("a",)))
    assert merge_reports(tmp_path, Work("work", ("a",), {}), Item) == [Item("a", 1 / 3, (4, 5), ["a\tb"])]
