"""Slow-downs are detected: by ratio where there is a published form, else by the value itself."""

from pathlib import Path

from benchmarks.measure import Comparison

from benchmarks import history


def run(ours: float, published: float | None = None, machine: str = "m") -> dict[str, object]:
    published_values = () if published is None else [published]
    return history.entry([Comparison("x", "ms", [ours], published_values)], machine, "abc", "now")


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new/history.jsonl"
    entries = [run(1.0, 2.0), run(3.0)]
    assert history.read_history(path) == []
    for run_entry in entries:
        history.append(path, run_entry)
    assert history.read_history(path) == entries
    path.write_text(path.read_text() + 'null\n{}\n{"when": "cut o')
    assert history.read_history(path) == entries


def test_a_slower_ratio_is_listed() -> None:
    earlier = [run(10, 100), run(10, 110), run(10, 90)]
    (line,) = history.slower(run(20, 100), earlier)
    assert line == "x: 2.00 times what it was in the last 3 runs"


def test_a_slow_machine_is_no_slow_down() -> None:
    assert history.slower(run(30, 300), [run(10, 100)]) == []


def test_without_a_published_form_the_value_counts() -> None:
    assert history.slower(run(20), [run(10)])
    assert not history.slower(run(12), [run(10)])
    assert not history.slower(run(5), [run(10)])


def test_only_the_last_five_runs_of_the_same_machine_count() -> None:
    assert history.slower(run(20), [run(20), *[run(10)] * 5])
    assert not history.slower(run(20), [*[run(10)] * 5, *[run(20)] * 5])
    assert not history.slower(run(20), [run(10, machine="another")])
