from dataclasses import replace

import pytest
import yaml

from avseg.config.read import plain_config
from avseg.config.schema import CallbackConfig
from avseg.runs import RunDirectory
from avseg.runs.config_drift import SweepRecord, first_change, refuse_changed, scientific_overrides
from avseg.runs.configure import training_config
from avseg.utils.errors import UserError

OVERRIDES = ["data=toy_ms3", "fusion=stage_4"]


@pytest.fixture
def written(tmp_path):
    config = training_config([*OVERRIDES, f"paths.outputs={tmp_path}"])
    run = RunDirectory.of(config)
    run.write_config(plain_config(config))
    return run, config


def edit(run, before, after):
    text = run.config.read_text()
    assert before in text
    run.config.write_text(text.replace(before, after))


def test_the_same_science_passes(written, tmp_path):
    run, config = written
    same = training_config([*OVERRIDES, "trainer=cpu", "logger=wandb_offline", f"paths.outputs={tmp_path}"])
    refuse_changed(run, same)
    refuse_changed(RunDirectory(tmp_path / "new"), config)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("batch_size: 4", "batch_size: 8", "data.batch_size is 8 there and 4 in this command"),
        ("- 4\n", "- 3\n", "fusion.stages is [3] there and [4] in this command"),
        ("  max_epochs:", "  epochs:", "the key 'trainer.epochs' does not exist"),
    ],
)
def test_an_edited_file_is_refused_with_the_first_key(written, before, after, message):
    run, config = written
    edit(run, before, after)
    with pytest.raises(UserError) as caught:
        refuse_changed(run, config)
    assert message in str(caught.value)
    assert str(run.config) in str(caught.value)
    assert "experiment=NAME" in str(caught.value)


def test_a_file_of_a_version_with_fewer_keys_passes(written):
    run, config = written
    before = yaml.safe_load(run.config.read_text())
    del before["metrics"], before["init"]["seed"], before["data"]["stray"]
    run.config.write_text(yaml.safe_dump(before))
    refuse_changed(run, config)


def test_callbacks_are_compared_one_by_one(tmp_path):
    config = training_config(OVERRIDES)
    run = RunDirectory(tmp_path)
    run.write_config(plain_config(replace(config, callbacks={"stop": CallbackConfig("x", {"patience": 3})})))
    changed = replace(config, callbacks={"stop": CallbackConfig("x", {"patience": 4})})
    assert first_change(run.config, changed) == ("callbacks.0.options.patience", 3, 4)


@pytest.mark.parametrize("text", ["{", "a: 1", "", "- 1"])
def test_a_file_that_is_not_a_configuration(written, text):
    run, config = written
    run.config.write_text(text)
    with pytest.raises(UserError, match="is not a configuration of a run"):
        refuse_changed(run, config)


def test_overrides_of_infrastructure_are_not_scientific():
    overrides = ["seed=1", "fusion=none", "trainer.devices=2", "data.num_workers=4", "backbone=tiny", "trainer=cpu"]
    config = training_config(overrides)
    assert scientific_overrides(overrides, config) == "backbone=tiny fusion=none trainer=cpu"


def test_overrides_that_mean_something_else_are_refused(written, tmp_path):
    run, config = written
    record = SweepRecord(tmp_path / "sweep.json")
    record.remember([(OVERRIDES, config)])
    SweepRecord(tmp_path / "sweep.json").refuse_changed("job", OVERRIDES, config)
    changed = replace(config, optimizer=replace(config.optimizer, lr=0.5))
    with pytest.raises(UserError, match=r"job: optimizer.lr was 0.0001 when .* was begun and is 0.5 now"):
        SweepRecord(tmp_path / "sweep.json").refuse_changed("job", OVERRIDES, changed)
    run.config.unlink()  # nothing was begun: nothing can be mixed
    SweepRecord(tmp_path / "sweep.json").refuse_changed("job", OVERRIDES, changed)
