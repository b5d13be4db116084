import pytest
import yaml

from avseg.runs import RunDirectory
from avseg.runs.config_drift import first_change, refuse_changed
from avseg.runs.configure import training_config
from avseg.utils.errors import UserError

WORDS = ["data=toy_ms3", "fusion=stage_4"]


@pytest.fixture
def written(tmp_path):
    config = training_config([*WORDS, f"paths.outputs={tmp_path}"])
    run = RunDirectory.of(config)
    run.write_config(config)
    return run, config


def edit(run, before, after):
    text = run.config.read_text()
    assert before in text
    run.config.write_text(text.replace(before, after))


def test_the_same_science_is_let_through(written, tmp_path):
    run, _ = written
    refuse_changed(run, training_config([*WORDS, "trainer=cpu", "logger=wandb_offline", f"paths.outputs={tmp_path}"]))
    refuse_changed(RunDirectory(tmp_path / "new"), {})


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("batch_size: 4", "batch_size: 8", "data.batch_size is 8 there and 4 in this command"),
        ("- 4\n", "- 3\n", "fusion.stages is [3] there and [4] in this command"),
        ("  max_epochs:", "  epochs:", "trainer.max_epochs is (nothing) there and "),
    ],
)
def test_an_edited_file_is_refused_with_the_first_key(written, before, after, says):
    run, config = written
    edit(run, before, after)
    with pytest.raises(UserError) as caught:
        refuse_changed(run, config)
    assert says in str(caught.value)
    assert str(run.config) in str(caught.value)
    assert "experiment=NAME" in str(caught.value)


def test_a_file_of_a_version_that_had_fewer_keys_is_let_through(written):
    run, config = written
    before = yaml.safe_load(run.config.read_text())
    del before["branch"], before["init"]["seed"], before["data"]["labels"]
    run.config.write_text(yaml.safe_dump(before))
    refuse_changed(run, config)


def test_callbacks_are_compared_one_by_one(tmp_path):
    config = training_config(WORDS)
    config["callbacks"] = {"stop": {"_target_": "x", "patience": 3}}
    run = RunDirectory(tmp_path)
    run.write_config(config)
    config["callbacks"]["stop"]["patience"] = 4
    assert first_change(run.config, config) == ("callbacks.0.patience", 3, 4)


@pytest.mark.parametrize("text", ["{", "a: 1", "", "- 1"])
def test_a_file_that_is_no_configuration(written, text):
    run, config = written
    run.config.write_text(text)
    with pytest.raises(UserError, match="is no configuration of a run"):
        refuse_changed(run, config)
