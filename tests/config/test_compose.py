import inspect

import pytest
import pytorch_lightning as pl
import torch
from avseg.config.instantiate import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.config.compose import compose
from avseg.config.paths import groups, options
from avseg.config.schema import validate
from avseg.training.build import build_data, build_task
from avseg.utils.errors import UserError

OPTIONS = [(group, option) for group in groups() for option in options(group)]


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_and_is_valid(group, option):
    more = ["init.checkpoint=runs/s4"] if (group, option) == ("init", "checkpoint") else []
    more += ["model=lu_avs_mask"] if group == "data" and option.endswith("lu_avs") else []
    config = compose("train", [f"{group}={option}", *more])
    validate(config)
    assert config["trainer"]["_target_"] == "pytorch_lightning.Trainer"


# the branches of the strong baseline (LU-AVS) are no AVS models
AVS_OPTIONS = [(group, option) for group, option in OPTIONS if group != "branch" and not option.endswith("lu_avs")]
# its modules alone take seconds
BIG = {("backbone", "pvt_v2_b5")}


@pytest.mark.parametrize(
    ("group", "option"), [pytest.param(*pair, marks=pytest.mark.slow if pair in BIG else []) for pair in AVS_OPTIONS]
)
def test_every_option_can_be_built(group, option, tmp_path):
    """Model, optimizer, data, trainer, callbacks and logger take the settings; without weights, data or a network."""
    small = {"backbone": "tiny", "audio": "mel", "data": "toy_s4"}
    words = [f"{key}={value}" for key, value in small.items() if key != group and group != "recipe"]
    start = ["init.checkpoint=runs/s4"] if (group, option) == ("init", "checkpoint") else []
    config = compose("train", [f"{group}={option}", *words, *start, f"data.root={tmp_path}"])
    with torch.device("meta"):
        task = build_task(config, pretrained=False)
    assert sorted(map(int, task.net.tpavi)) == config["fusion"]["stages"]
    assert task.configure_optimizers().defaults["lr"] == config["optimizer"]["lr"]
    assert build_data(config).batch_size == config["data"]["batch_size"]
    for callback in config["callbacks"].values():
        assert isinstance(instantiate(callback), pl.Callback)
    trainer = {key: value for key, value in config["trainer"].items() if key != "_target_"}
    inspect.signature(pl.Trainer).bind(**trainer)  # one with a GPU cannot be made without it
    if config["logger"]:  # opens no run before it is asked to log
        logger = instantiate(config["logger"], save_dir=str(tmp_path))
        assert isinstance(logger, pl.loggers.Logger)
        assert not list(tmp_path.iterdir())


def test_every_group_of_the_schema_has_a_default():
    config = compose("train", [])
    assert {"task", "data", "backbone", "audio", "fusion", "init", "loss", "optimizer"} <= config.keys()
    assert config["seed"] == 123


@pytest.mark.parametrize(
    ("setting", "epochs", "weight"), [("avsbench_s4", 15, 0.0), ("avsbench_ms3", 30, 0.5), ("avss", 60, 0.5)]
)
def test_the_recipe_of_the_paper(setting, epochs, weight):
    config = compose("train", [f"data={setting}"])
    assert config["trainer"]["max_epochs"] == epochs
    assert config["loss"]["mapping_weight"] == weight
    assert config["optimizer"]["lr"] == 1e-4
    assert config["optimizer"]["weight_decay"] == 0
    assert config["data"]["batch_size"] == 4
    assert config["data"]["image_size"] == 224


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("backbone=resnet5", "did you mean 'resnet50'?"),
        ("fusoin=none", "did you mean 'fusion'?"),
        ("optimizer.lrr=3", "did you mean 'optimizer.lr'"),
        ("optimizer.lr=fast", "optimizer.lr: Value 'fast'"),
        ("data.batchsize=3", "'data.batch_size'"),
        ("+data.batchsize=3", "did you mean 'batch_size'?"),
        ("+foo=1", "the key 'foo' does not exist"),
        ("fusion.stages=[1,x]", "fusion.stages"),
        ("fusion=stages_5", "fusion is one of"),
        ("foo bar", "write key=value"),
        ("~data.root", "data.root"),
        ("trainer.max_epoch=3", "'trainer.max_epochs'"),
    ],
)
def test_a_typo_fails_in_one_line_that_names_the_nearest(override, says):
    with pytest.raises(UserError) as caught:
        compose("train", [override])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["experiment="], "experiment=: give a name"),
        (["experiment=../x"], "experiment=../x: give a name"),
        (["experiment=/x"], "give a name"),
        (["experiment=a/seed=1"], "give a name"),
        (["fusion="], "fusion= is empty; fusion is one of frame_1234, none"),
        (["fusion=none,stage_4"], "fusion=none,stage_4 names several values; add -m"),
        (["fusion.stages=[5]"], "there is no stage 5"),
        (["fusion.stages=[1,1]"], "twice"),
        (["fusion.scope=clipp"], "did you mean 'clip'?"),
        (["data.image_size=100"], "multiple of 32"),
        (["data.batch_size=0"], "data.batch_size=0"),
        (["init=checkpoint"], "init.checkpoint=RUN_OR_FILE"),
        (["audio.name=vgish"], "'vggish'"),
        (["init.checkpoint=runs/s4"], "init=checkpoint alone"),
        (["data=toy_ms3", "data.num_classes=5"], "for data.setting=ms3 it must be 1"),
        (["data=toy_avss", "data.num_classes=1"], "more than 1"),
        (["seed=-1"], "seed=-1 must be a whole number, at least 0"),
        (["seed=4294967296"], "too large"),
        (["model.channels=0"], "model.channels=0"),
        (["audio.hidden=-1"], "audio.hidden=-1"),
        (["data.num_classes=0"], "data.num_classes=0"),
        (["optimizer.lr=-1"], "optimizer.lr=-1"),
        (["optimizer.lr=nan"], "optimizer.lr=nan"),
        (["trainer.max_epochs=0"], "trainer.max_epochs=0"),
        (["trainer.max_epochs=abc"], "trainer.max_epochs=abc"),
        (["data=toy_ms3", "fusion=stage_4", "model.loss.mapping_stages=[1]"], "stages [1] carry no TPAVI"),
    ],
)
def test_values_that_no_type_can_check(overrides, says):
    with pytest.raises(UserError) as caught:
        validate(compose("train", overrides))
    assert says in str(caught.value)


def test_a_key_of_another_verb_names_those_that_exist():
    with pytest.raises(UserError, match="keys: checkpoint, split, out, root, batch_size") as caught:
        compose("evaluate", ["checkpoint=x", "bogus=1"])
    assert "--cfg" not in str(caught.value)


def test_evaluate_needs_a_checkpoint():
    with pytest.raises(UserError, match="checkpoint has no value"):
        compose("evaluate", [])
    assert compose("evaluate", ["checkpoint=x"])["split"] == "test"


@settings(max_examples=30, deadline=None)
@given(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1).filter(
        lambda text: text[0] not in "'\"[{ ${"
    )
)
def test_any_path_can_be_a_value(path):
    if any(special in path for special in ("${", "\\")) or path != path.strip():
        return  # interpolation and escapes are Hydra's own
    value = compose("evaluate", [f"checkpoint=/{path}/seed=3"])["checkpoint"]
    assert value == f"/{path}/seed=3"
