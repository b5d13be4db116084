"""`avseg reproduce` and `avseg status` on a table of 2 x 2 cells that trains in seconds."""

import copy
import csv
import functools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from avseg.runs import RunDirectory
from avseg.runs.configure import training_config
from avseg.runs.lock import log_file, record_end
from avseg.sweep import Job, Outcome, State
from avseg.training.fit import train
from tests.data.fake import make_ms3, make_s4
from tests.runs_for_tests import Command, avseg

SIZES = {"train": 4, "val": 2, "test": 5}
SWEEP = """
title: A small table
note: Not the paper's.
common: [recipe=toy, model.channels=4, data.image_size=32, trainer.max_epochs=1, data.num_workers=0, callbacks=none,
         trainer.enable_progress_bar=false]
rows:
  audio-blind: [fusion=none]
  TPAVI: [fusion=stage_4]
columns:
  scratch: [init=scratch]
  pretrained: [init=single_source, "init.source=[data=toy_s4,trainer.max_epochs=1]"]
compare: {columns: neighbours, rows: neighbours}
picture: {name: drawn}
"""
PUBLISHED = "row,column,metric,value\naudio-blind,scratch,miou,43.56\nTPAVI,pretrained,miou,54.33\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the table `small`, and data for it."""
    folder = tmp_path_factory.mktemp("reproduce")
    (folder / "small").mkdir()
    (folder / "small" / "sweep.yaml").write_text(SWEEP)
    (folder / "small" / "published.csv").write_text(PUBLISHED)
    make_ms3(folder / "data" / "toy_ms3", SIZES)
    make_s4(folder / "data" / "toy_s4", SIZES)
    return folder


@pytest.fixture(scope="module", autouse=True)
def composed_once() -> Iterator[None]:
    """The same overrides compose to the same configuration, a tenth of a second each time."""

    @functools.cache
    def compose(arguments: tuple[str, ...]) -> dict[str, Any]:
        return training_config(list(arguments))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("avseg.sweep.jobs.training_config", lambda overrides: copy.deepcopy(compose(tuple(overrides))))
        yield


def reproduce(folder: Path, *arguments: str, table: str = "small") -> Command:
    outputs = folder / "outputs"
    settings = ["--out", str(outputs), f"paths.data={folder / 'data'}"]
    return avseg(["reproduce", str(folder / table), *settings, *arguments], outputs)


def in_this_process(fail: Callable[[Job], bool] = lambda job: False) -> Callable[..., list[Outcome]]:
    """What the engine does, without a process for each job: those are tested where the engine is."""

    def run_jobs(jobs: Sequence[Job], *, jobs_at_once: int | None = None) -> list[Outcome]:
        outcomes = []
        for job in jobs:
            failed = not job.run.complete and fail(job)
            if failed:
                log_file(job.run).parent.mkdir(exist_ok=True)
                log_file(job.run).write_text("it broke\n")
            else:
                train(job.config)
            state = State.FAILED if failed else State.COMPLETE
            outcomes.append(Outcome(job, state, int(failed), log_file(job.run), "it broke" if failed else ""))
        return outcomes

    return run_jobs


@pytest.fixture(scope="module")
def partly(folder: Path) -> Iterator[Command]:
    """A first attempt in which one cell fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("avseg.cli.reproduce.run_jobs", in_this_process(lambda job: job.name == "TPAVI, scratch"))
        yield reproduce(folder)


@pytest.fixture(scope="module")
def whole(partly: Command, folder: Path) -> Iterator[Command]:
    """The same command again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("avseg.cli.reproduce.run_jobs", in_this_process())
        yield reproduce(folder)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_with_a_failed_cell(partly: Command) -> None:
    assert partly.code == 1
    assert "TPAVI, scratch: it broke" in partly.err
    assert "logs/toy_ms3-test_efficientnet-s4-scratch" in partly.err
    assert "1 of 4 cells have no complete run yet" in partly.out


def test_the_table_is_that_of_the_runs(whole: Command, folder: Path) -> None:
    assert whole.code == 0, whole.err
    table = folder / "outputs" / "small" / "table"
    assert sorted(path.name for path in table.iterdir()) == [
        "comparisons.csv",
        "drawn.png",
        "results.csv",
        "table.md",
        "table.tex",
    ]
    results = rows(table / "results.csv")
    assert [(row["row"], row["column"]) for row in results] == [
        (row, column) for row in ("audio-blind", "TPAVI") for column in ("scratch", "pretrained")
    ]
    for row in results:
        (run,) = (folder / "outputs" / "small").glob(f"{row['runs'].removesuffix('-s123')}/seed=123")
        own = json.loads((run / "result.json").read_text())["scores"]["own"]["miou"]
        clips = [float(clip["miou"]) for clip in rows(run / "per_clip.csv")]
        assert float(row["mean"]) == pytest.approx(100 * own, abs=1e-3)
        # groups of four videos, as the official test has them
        groups = [np.mean(clips[:4]), np.mean(clips[4:])]
        assert float(row["mean"]) == pytest.approx(100 * np.mean(groups), abs=1e-3)
        assert row["clips"] == "5"
        assert f"{100 * own:.2f}" in whole.out
    assert float(results[0]["difference"]) == pytest.approx(float(results[0]["mean"]) - 43.56, abs=1e-3)
    assert results[1]["difference"] == ""
    assert len(rows(table / "comparisons.csv")) == 4
    with Image.open(table / "drawn.png") as image:
        assert np.asarray(image).std() > 10


def test_pretrained_cells_begin_from_single_source_runs_of_their_kind(whole: Command, folder: Path) -> None:
    outputs = folder / "outputs" / "small"
    sources = {path.parent.name for path in outputs.glob("toy_s4-*/seed=123") if RunDirectory(path).complete}
    assert len(sources) == 2
    for start in outputs.glob("*-single_source-*/seed=123/config.yaml"):
        (source,) = re.findall(r"^  run: (.*)-s123$", start.read_text(), flags=re.MULTILINE)
        assert source in sources
        # the same fusion: none with none, stage 4 with stage 4
        assert source.split("-")[2] == start.parents[1].name.split("-")[2]


def test_nothing_is_run_twice_and_sources_serve_other_tables(whole: Command, folder: Path) -> None:
    shown = reproduce(folder, "--dry-run")
    assert "6 jobs, 0 to run" in shown.out
    # a word that the table says already changes nothing
    assert "6 jobs, 0 to run" in reproduce(folder, "--dry-run", "trainer.max_epochs=1", "data.num_workers=1").out
    other = reproduce(folder, "--dry-run", "experiment=other", "optimizer.weight_decay=0.0")
    # the cells are to be run under the new name; the two sources are there
    assert "6 jobs, 4 to run" in other.out
    assert "estimate" in other.out or "about" in other.out


def test_the_table_alone(whole: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avseg.cli.reproduce.run_jobs", None)
    text = (folder / "outputs" / "small" / "table" / "table.md").read_text()
    again = reproduce(folder, "--no-run")
    assert again.code == 0
    assert (folder / "outputs" / "small" / "table" / "table.md").read_text() == text
    # of a second seed nothing is there
    more = reproduce(folder, "--no-run", "--seeds", "123,5", "logger=wandb_offline")
    assert more.code == 1
    assert [row["seeds"] for row in rows(folder / "outputs" / "small" / "table" / "results.csv")] == ["123"] * 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["trainer.max_epochs=2"],
            "trainer.max_epochs=2 changes the results of small; give the changed table a name of its own",
        ),
        (["trainer=gpu", "data.num_workers=1"], "trainer=gpu changes the results"),
        (["optimzer.lr=1"], "did you mean 'optimizer'?"),
        (["seed=3"], "--seeds 3"),
        (["--seeds", "1,x"], "--seeds 1,x: give whole numbers"),
        (["--seeds", ","], "give whole numbers"),
        (["--seeds", "1,²"], "give whole numbers"),
        (["--jobs", "0"], "--jobs 0: at least one"),
        (["--jobs", "0", "--dry-run"], "--jobs 0: at least one"),
        (["experiment=toy_table_a1", "trainer.max_epochs=2"], "experiment=toy_table_a1 is another table"),
        (["experiment=../small"], "do not begin with '.'"),
    ],
)
def test_mistakes_end_before_anything_runs(
    arguments: list[str], says: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avseg.cli.reproduce.run_jobs", None)
    done = reproduce(folder, *arguments)
    assert done.code == 2
    assert says in done.err
    assert done.err.count("\n") == 1


def test_unknown_tables_name_the_nearest() -> None:
    done = avseg(["reproduce", "tabel_a1"])
    assert done.code == 2
    assert "did you mean 'table_a1'" in done.err
    assert "holds no sweep.yaml" in avseg(["reproduce", "no/where"]).err
    assert "did you mean 'table_a2'" in avseg(["status", "tabl_a2"]).err


def test_missing_data_is_told_once(folder: Path, tmp_path: Path) -> None:
    done = reproduce(folder, f"paths.data={tmp_path}", "--out", str(tmp_path / "outputs"))
    assert done.code == 2
    assert f"{tmp_path}/toy_s4" in done.err
    assert not (tmp_path / "outputs").exists()


def test_toy_data_is_made_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made").mkdir()
    sizes = "--size, 32, --train, 2, --val, 1, --test, 2"
    prepare = f"\nprepare: {{toy_s4: [toy, --setting, s4, {sizes}], toy_ms3: [toy, --setting, ms3, {sizes}]}}\n"
    (tmp_path / "made" / "sweep.yaml").write_text(SWEEP + prepare)
    (tmp_path / "made" / "published.csv").write_text(PUBLISHED)
    started: list[str] = []

    def note(jobs: Sequence[Job], **_: object) -> list[Outcome]:
        started.extend(job.name for job in jobs)
        return [Outcome(job, State.MISSING, None, log_file(job.run), "not started") for job in jobs]

    monkeypatch.setattr("avseg.cli.reproduce.run_jobs", note)
    done = reproduce(tmp_path, table="made")
    assert done.code == 1, done.err
    assert done.out.count("$ avseg data toy") == 2
    assert started[:2] == ["Single-source for audio-blind, pretrained", "Single-source for TPAVI, pretrained"]
    assert len(started) == 6
    assert (tmp_path / "data" / "toy_s4" / "s4_meta_data.csv").is_file()
    assert "4 of 4 cells have no complete run yet" in done.out
    assert "exists already" in reproduce(tmp_path, table="made").out


def test_status(whole: Command, folder: Path) -> None:
    outputs = folder / "outputs"
    place = ["--out", str(outputs)]
    counts = avseg(["status", *place])
    assert counts.code == 0
    (line,) = [line for line in counts.out.splitlines() if "small" in line]
    assert re.findall(r"\d+", line) == ["6"]
    # of a table in a folder, jobs that were never begun too; a failed one with its log
    (run,) = outputs.glob("small/toy_ms3-*-s4-scratch-*/seed=123")
    failed = RunDirectory(run)
    result = failed.result.read_text()
    log = log_file(failed)
    try:
        failed.result.unlink()
        record_end(failed, 1, "it broke")
        shown = avseg(["status", str(folder / "small"), "--seeds", "123,7", *place])
    finally:
        failed.result.write_text(result)
        log.with_suffix(".json").unlink()
    assert shown.code == 0, shown.err
    lines = [line for line in shown.out.splitlines() if line.startswith("│")]
    (line,) = [line for line in lines if "TPAVI, scratch" in line and "123" in line]
    assert "failed" in line
    assert "logs" in shown.out
    assert sum("complete" in line for line in lines) == 5
    assert sum("missing" in line for line in lines) == 6


def test_status_of_an_experiment_in_a_folder_of_others(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "tables" / "heads" / "toy-0123" / "seed=1")
    run.path.mkdir(parents=True)
    run.result.write_text('{"scores": {}}')
    run.metrics.write_bytes(b"\xff\0")  # damaged
    (tmp_path / "seed=3").mkdir()
    (tmp_path / "tables" / "heads" / "toy-0123" / "seed=last").mkdir()
    assert "tables/heads" in avseg(["status", "--out", str(tmp_path)]).out
    shown = avseg(["status", "tables/heads", "--out", str(tmp_path)])
    assert shown.code == 0, shown.err
    assert "1 jobs: 1 complete" in shown.out


@pytest.mark.slow
def test_processes_of_their_own(folder: Path, tmp_path: Path) -> None:
    """The whole job with the engine: six processes, the table, and nothing left to do."""
    done = reproduce(folder, "--out", str(tmp_path), "--jobs", "2")
    assert done.code == 0, done.err
    assert "has no complete run" not in done.out
    assert len(list(tmp_path.glob("small/*/seed=123/result.json"))) == 6
    assert len(rows(tmp_path / "small" / "table" / "results.csv")) == 4
    assert "6 jobs, 0 to run" in reproduce(folder, "--out", str(tmp_path), "--dry-run").out
