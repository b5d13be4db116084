"""The same words under the same name never come to mean another run silently."""

import copy
import json

import pytest
from avseg.sweep.override_drift import scientific_words

from avseg.sweep import Job, run_jobs
from avseg.utils.errors import UserError
from tests.sweep.fake import COMPLETE, job, shell


def changed(old: Job, lr: float) -> Job:
    """The same words after a file of conf/ was edited."""
    config = copy.deepcopy(old.config)
    config["optimizer"]["lr"] = lr
    return Job(old.words, config, old.name)


def begin(old: Job) -> None:
    run_jobs([old], command=shell(COMPLETE))
    old.run.write_config(old.config)


def test_the_key_that_changed_is_named_and_nothing_starts(tmp_path):
    old = job(tmp_path, 1)
    begin(old)
    new = changed(old, 0.5)
    with pytest.raises(UserError) as caught:
        run_jobs([job(tmp_path, 2), new], command=shell(COMPLETE))
    text = str(caught.value)
    assert f"optimizer.lr was {old.config['optimizer']['lr']} when" in text
    assert "and is 0.5 now" in text
    assert "experiment=NAME" in text
    assert str(old.run.path.parent) in text
    assert not new.run.path.exists()
    assert not job(tmp_path, 2).run.path.exists()


def test_another_name_or_no_old_folder_is_let_through(tmp_path):
    import shutil

    old = job(tmp_path, 1)
    begin(old)
    new = changed(old, 0.5)
    new.config["experiment"] = "other"
    assert run_jobs([new], command=shell(COMPLETE))[0].state == "complete"
    shutil.rmtree(old.run.path.parent)
    new = changed(old, 0.5)
    assert run_jobs([new], command=shell(COMPLETE))[0].state == "complete"
    written = json.loads((new.run.path.parents[1] / "sweep.json").read_text())
    assert list(written["runs"].values()) == [new.run.path.parent.name]


def test_words_of_infrastructure_mean_nothing():
    words = ["data=toy_ms3", "+callbacks.x.y=1", "trainer=gpu", "trainer.precision=bf16-mixed"]
    more = ["logger=wandb", "trainer.devices=4", "data.num_workers=8", "data.root=/x", "paths.outputs=/y", "seed=3"]
    more += ["experiment=e", "hydra.launcher.fail_fast=true", "hydra/launcher=basic", "callbacks.panels.clips=2"]
    more += ["++trainer.enable_progress_bar=false"]
    assert scientific_words([*more, *words]) == " ".join(sorted(words))


def test_jobs_of_several_experiments_are_remembered_apart(tmp_path):
    one, two = job(tmp_path, 1), job(tmp_path, 2)
    two.config["experiment"] = "tables/a1"
    run_jobs([one, two], command=shell(COMPLETE))
    assert (tmp_path / "default" / "sweep.json").is_file()
    assert (tmp_path / "tables" / "a1" / "sweep.json").is_file()
