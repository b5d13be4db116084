"""`init=single_source` on the command line: what is missing is told with the command that makes it."""

import hashlib
import logging
import os
import shlex
from pathlib import Path

import pytest
import torch

from avseg.runs import RunDirectory, read_json, write_json
from avseg.runs.configure import training_config
from avseg.runs.find import complete_run, runs_of
from avseg.training.initialise import source_checkpoint
from avseg.training.load import load_clip_model
from tests.data.fake import make_s4
from tests.runs_for_tests import SMALL, avseg


@pytest.fixture(scope="module")
def s4_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("s4")
    make_s4(root, {"train": 4, "val": 2, "test": 2})
    return root


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("with a space")


def words(ms3_root: Path, s4_root: Path, outputs: Path, *more: str) -> list[str]:
    # the own rate of zero leaves the weights as they were taken
    source = f"init.source=[data=toy_s4,data.root={s4_root},trainer.max_epochs=1,optimizer.lr=1e-4]"
    own = [
        f"data.root={ms3_root}",
        "trainer.max_epochs=1",
        "experiment=tables/a2",
        "optimizer.lr=0",
        "init=single_source",
    ]
    return [*SMALL, *own, source, f"paths.outputs={outputs}", "callbacks=none", *more]


def command_in(told: str) -> list[str]:
    """The command that a message names."""
    assert len(told.strip().splitlines()) == 1
    command = shlex.split(told.strip().partition(" with: ")[2])
    assert command[:2] == ["avseg", "train"]
    return command[1:]


@pytest.fixture(scope="module")
def source(ms3_root: Path, s4_root: Path, outputs: Path) -> Path:
    """The Single-source run, made by the very command that the missing run's message names."""
    missing = avseg(["train", *words(ms3_root, s4_root, outputs)])
    assert missing.code == 2
    assert list(outputs.iterdir()) == []  # nothing is left behind
    done = avseg(command_in(missing.err), outputs)
    assert done.code == 0, done.err
    return done.run


def test_its_weights_are_taken(source: Path, ms3_root: Path, s4_root: Path, outputs: Path, caplog):
    config = training_config(words(ms3_root, s4_root, outputs))
    caplog.set_level(logging.INFO, logger="avseg")
    done = avseg(["train", *words(ms3_root, s4_root, outputs)])
    assert done.code == 0, done.err
    run, best = RunDirectory.of(config), RunDirectory(source).best
    began, end = load_clip_model(best).state_dict(), load_clip_model(run.best).state_dict()
    moved = {name for name in end if not torch.equal(end[name], began[name])}
    assert all("running_" in name or "num_batches" in name for name in moved)  # BatchNorm goes on counting
    assert f"init: {len(end)} of {len(end)} tensors from {config.init.run}" in caplog.text
    digest = hashlib.sha256(best.read_bytes()).hexdigest()
    record = {"checkpoint": str(best), "sha256": digest, "run": config.init.run}
    assert read_json(run.manifest)["init"] == record
    # a run that is continued needs its source no more, and still says what it was
    run.result.unlink()
    source.rename(source.with_name("away"))
    again = avseg(["train", *words(ms3_root, s4_root, outputs)])
    source.with_name("away").rename(source)
    assert again.code == 0, again.err
    assert read_json(run.manifest)["init"] == record
    assert read_json(run.manifest)["resumed"] == 1


def test_an_unfinished_source_is_continued_by_the_command_that_is_named(source, ms3_root, s4_root, outputs):
    # in another experiment, deeper, where only a continuation can find it
    moved = outputs / "tables" / "a 1"
    moved.parent.mkdir(exist_ok=True)
    source.parents[1].rename(moved)
    run = RunDirectory(moved / source.parent.name / source.name)
    run.result.unlink()
    told = avseg(["train", *words(ms3_root, s4_root, outputs, "trainer.max_epochs=2")])
    assert told.code == 2
    assert "is not finished" in told.err
    done = avseg(command_in(told.err))
    assert done.code == 0, done.err
    assert run.complete
    assert read_json(run.manifest)["resumed"] == 1
    initial = source_checkpoint(training_config(words(ms3_root, s4_root, outputs)))
    assert initial is not None
    assert initial.file == run.best
    moved.rename(source.parents[1])


def test_of_several_the_one_that_finished_first(tmp_path: Path):
    for place, experiment in enumerate(("later", "a/b/first", "not/begun", "begun", "inside/seed=3")):
        run = RunDirectory(tmp_path / experiment / "x-12345678" / "seed=7")
        run.path.mkdir(parents=True)
        if place != 2:
            run.config.touch()
        if place in (0, 1, 4):
            write_json(run.result, {})
            os.utime(run.result, (1000 - place, 1000 - place))
    found = [run.path.relative_to(tmp_path).as_posix() for run in runs_of(tmp_path, "x-12345678-s7")]
    assert sorted(found) == [f"{name}/x-12345678/seed=7" for name in ("a/b/first", "begun", "later")]
    complete = complete_run(tmp_path, "x-12345678-s7")
    assert complete is not None
    assert complete.path == tmp_path / "a/b/first/x-12345678/seed=7"
    assert complete_run(tmp_path, "x-12345678-s8") is None
    assert complete_run(tmp_path / "nowhere", "x-12345678-s7") is None
