import os

import pytest

from avseg.config.compose import compose_train
from avseg.config.read import plain_config
from avseg.runs import RunDirectory, checkpoint_of, read_json, write_json
from avseg.runs.find import newest_complete_run
from avseg.utils.errors import UserError


def test_layout(tmp_path):
    config = compose_train(["data=toy_ms3", f"paths.outputs={tmp_path}", "experiment=try", "seed=7"])
    run = RunDirectory.of(config)
    assert run.path.relative_to(tmp_path).parts[0] == "try"
    assert run.path.name == "seed=7"
    assert not run.complete
    run.write_config(plain_config(config))
    write_json(run.result, {"split": "test"})
    assert run.complete
    assert read_json(run.result) == {"split": "test"}


def test_the_newest_complete_run_is_found(tmp_path):
    assert newest_complete_run(tmp_path) is None
    for age, name in ((100, "old"), (10, "new")):
        result = tmp_path / "e" / name / "seed=1" / "result.json"
        write_json(result, {})
        os.utime(result, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "e" / "unfinished" / "seed=1").mkdir(parents=True)
    write_json(tmp_path / "e" / "old" / "seed=1" / "evaluations" / "val" / "result.json", {})  # is no run
    assert newest_complete_run(tmp_path) == tmp_path / "e" / "new" / "seed=1"
    write_json(tmp_path / "tables" / "a1" / "run" / "seed=1" / "result.json", {})  # experiment=tables/a1
    assert newest_complete_run(tmp_path) == tmp_path / "tables" / "a1" / "run" / "seed=1"


def test_a_checkpoint_is_found_by_run_folder_or_file(tmp_path):
    best = tmp_path / "run" / "seed=1" / "checkpoints" / "best.ckpt"
    best.parent.mkdir(parents=True)
    best.touch()
    assert checkpoint_of(best) == checkpoint_of(tmp_path / "run" / "seed=1") == checkpoint_of(tmp_path) == best
    other = tmp_path / "run" / "seed=2" / "checkpoints" / "best.ckpt"
    other.parent.mkdir(parents=True)
    other.touch()
    with pytest.raises(UserError, match="holds 2 runs"):
        checkpoint_of(tmp_path)


def test_no_checkpoint_says_how_to_get_one(tmp_path):
    with pytest.raises(UserError, match="avseg demo"):
        checkpoint_of(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"holds no checkpoints/best\.ckpt"):
        checkpoint_of(tmp_path)


def test_a_damaged_json_is_told_in_one_line(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(UserError, match="not a json file"):
        read_json(tmp_path / "x.json")
