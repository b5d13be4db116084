import inspect

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.config.components import make
from avseg.config.compose import compose_evaluate, compose_train
from avseg.config.paths import groups, options
from avseg.config.read import plain_config, train_config
from avseg.data.setting import find_setting
from avseg.models.experiment import FitOptions
from avseg.training.build import DataFacts, build_data, build_model
from avseg.training.trainer import trainer_arguments
from avseg.utils.errors import UserError

OPTIONS = [(group, option) for group in groups() for option in options(group)]


def needed(group, option):
    """Overrides without which an option does not make sense."""
    if (group, option) == ("init", "checkpoint"):
        return ["init.checkpoint=runs/s4"]
    if group == "data" and option.endswith("lu_avs"):
        return ["model=lu_avs_mask"]
    return []


# boxes of sound sources: to evaluate on, not to train on
BOXES = [("data", "vgg_ss"), ("data", "flickr_soundnet")]
CLIP_OPTIONS = [
    (group, option)
    for group, option in OPTIONS
    if group != "model" and not option.endswith("lu_avs") and (group, option) not in BOXES
]
# its modules alone take seconds
BIG = {("backbone", "pvt_v2_b5")}


# test_every_option_can_be_built composes the others
@pytest.mark.parametrize(("group", "option"), [pair for pair in OPTIONS if pair not in CLIP_OPTIONS or pair in BIG])
def test_every_other_option_composes(group, option):
    config = compose_train([f"{group}={option}", *needed(group, option)])
    assert config.trainer.max_epochs >= 1
    assert config.data.batch_size >= 1


@pytest.mark.parametrize(
    ("group", "option"), [pytest.param(*pair, marks=pytest.mark.slow if pair in BIG else []) for pair in CLIP_OPTIONS]
)
def test_every_option_can_be_built(group, option, tmp_path):
    """Model, optimizer, data, trainer and callbacks take the settings; without weights, data or a network."""
    small = {"backbone": "tiny", "audio": "mel", "data": "toy_s4"}
    overrides = [f"{key}={value}" for key, value in small.items() if group not in (key, "recipe")]
    config = compose_train([f"{group}={option}", *overrides, *needed(group, option), f"data.root={tmp_path}"])
    assert config.trainer.max_epochs >= 1
    assert config.data.batch_size >= 1
    with torch.device("meta"):
        model = build_model(config, DataFacts(find_setting(config.data.setting)), pretrained=False)
    assert sorted(map(int, model.net.tpavi)) == list(config.fusion.stages)
    model.fit_options = FitOptions(config.optimizer, config.seed)
    assert model.configure_optimizers().defaults["lr"] == config.optimizer.lr
    assert build_data(config).batch_size == config.data.batch_size
    for name, callback in config.callbacks.items():
        assert isinstance(make(callback.target, callback.options, name), pl.Callback)
    inspect.signature(pl.Trainer).bind(**trainer_arguments(config.trainer))  # one with a GPU cannot be made without it


def test_defaults():
    config = compose_train([])
    assert config.model.name == "avs"
    assert config.backbone.name == "resnet50"
    assert config.seed == 123


@pytest.mark.parametrize(
    ("data", "epochs", "weight"), [("avsbench_s4", 15, 0.0), ("avsbench_ms3", 30, 0.5), ("avss", 60, 0.5)]
)
def test_the_recipe_of_the_paper(data, epochs, weight):
    config = compose_train([f"data={data}"])
    assert config.trainer.max_epochs == epochs
    assert config.model.loss.mapping_weight == weight
    assert config.optimizer.lr == 1e-4
    assert config.optimizer.weight_decay == 0
    assert config.data.batch_size == 4
    assert config.data.image_size == 224
    assert config.audio.hop == "vggish"


def test_the_recipe_of_aavs():
    config = compose_train(["model=aavs", "data=avsbench_ms3"])
    assert (config.trainer.max_epochs, config.data.batch_size, config.data.image_size) == (60, 1, 384)
    assert (config.optimizer.lr, config.optimizer.weight_decay, config.trainer.gradient_clip_val) == (1e-4, 0.05, 0.01)
    assert (config.model.queries, config.model.warmup_share, config.model.preset("ms3").videos_per_group) == (
        30,
        0.5,
        1,
    )
    config = compose_train(["model=aavs_avss"])
    assert config.model.stage1 == "aavs_ms3"
    assert config.data.name == "avss"
    assert (config.model.queries, config.model.warmup_share) == (100, 1 / 3)
    assert config.trainer.gradient_clip_val is None


@pytest.mark.parametrize(
    ("overrides", "window", "hashed"),
    [
        (["data=avss"], 5, True),
        (["data=avss", "fusion.window=null"], None, False),
        (["data=avss", "fusion=frame_1234"], None, False),
        (["data=avsbench_ms3"], None, False),
        (["data=avsbench_ms3", "fusion.window=2"], 2, True),
    ],
)
def test_the_window_of_tpavi_is_the_official_one_of_the_data(overrides, window, hashed):
    config = compose_train(overrides)
    assert config.fusion.window == window
    # runs without a window keep the hash that they had before the key existed
    assert ("window" in config.fusion.science()) == hashed
    assert train_config(plain_config(config)) == config


def test_older_configurations_saw_the_whole_clip():
    values = plain_config(compose_train(["data=avss"]))
    del values["fusion"]["window"]
    assert train_config(values).fusion.window is None


@pytest.mark.parametrize(
    ("model", "epochs", "batch_size", "image_size", "lr"),
    [
        ("lu_avs_mask", 5, 8, 384, 6e-5),
        ("lu_avs_box", 6, 4, 800, 1e-4),
        ("lu_avs_audio", 60, 16, None, 1e-3),
        ("avs_long", 30, 4, 224, 1e-4),
        ("avsegformer_long", 30, 2, 224, 2e-5),
        ("aavs_long", 60, 1, 384, 1e-4),
    ],
)
def test_the_recipe_of_lu_avs(model, epochs, batch_size, image_size, lr):
    config = compose_train([f"model={model}"])
    assert config.data.name == "lu_avs"
    assert config.trainer.max_epochs == epochs
    assert (config.data.batch_size, config.data.image_size) == (batch_size, image_size)
    assert config.optimizer.lr == lr


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("backbone=resnet5", "did you mean 'resnet50'"),
        ("model=avss", "did you mean 'avs'"),
        ("fusion.window=0", "fusion.window"),
        ("fusoin=none", "did you mean 'fusion'?"),
        ("optimizer.lrr=3", "the key 'optimizer.lrr' does not exist; did you mean 'lr'?"),
        ("optimizer.lr=fast", "optimizer.lr='fast' is not allowed"),
        ("data.batchsize=3", "did you mean 'batch_size'"),
        ("+data.batchsize=3", "did you mean 'batch_size'"),
        ("model.chanels=3", "did you mean 'channels'"),
        ("model.loss.mapping_wieght=3", "did you mean 'mapping_weight'"),
        ("modle.channels=3", "did you mean 'model'"),
        ("+foo=1", "the key 'foo' does not exist"),
        ("fusion.stages=[1,x]", "fusion.stages"),
        ("fusion=stages_5", "fusion is one of"),
        ("foo bar", "write key=value"),
        ("trainer.max_epoch=3", "did you mean 'max_epochs'"),
    ],
)
def test_a_typo_fails_in_one_line_that_names_the_nearest(override, message):
    with pytest.raises(UserError) as caught:
        compose_train([override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.epochs=3", "the key 'data.epochs' is now trainer.max_epochs"),
        ("task.channels=8", "the key 'task' is now model"),
        ("branch=mask", "the key 'branch' is now model, such as model=lu_avs_mask"),
        ("loss.mapping_weight=0", "the key 'loss' is now model.loss"),
        ("data.options.rate=2", "the key 'data.options' is now one key of data each"),
    ],
)
def test_a_key_of_the_first_edition_names_the_new_one(override, message):
    with pytest.raises(UserError) as caught:
        compose_train([override])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["experiment="], "experiment=: give a name"),
        (["experiment=../x"], "experiment=../x: give a name"),
        (["experiment=/x"], "give a name"),
        (["experiment=a/seed=1"], "give a name"),
        (["fusion="], "fusion= is empty; fusion is one of frame_1234, none"),
        (["fusion=none,stage_4"], "fusion=none,stage_4 names several values; add -m"),
        (["fusion.stages=[5]"], "it must be 1, 2, 3 or 4"),
        (["fusion.stages=[1,1]"], "twice"),
        (["fusion.scope=clipp"], "did you mean 'clip'?"),
        (["data.image_size=100"], "multiple of 32"),
        (["data.image_size=null"], "data.image_size is null"),
        (["data.batch_size=0"], "data.batch_size=0"),
        (["init=checkpoint"], "init.checkpoint=RUN_OR_FILE"),
        (["init.checkpoint=runs/s4"], "init=checkpoint alone"),
        (["seed=-1"], "seed=-1 is not allowed; it must be greater than or equal to 0"),
        (["seed=4294967296"], "less than or equal to 4294967295"),
        (["model.channels=0"], "model.channels=0"),
        (["audio=mel", "audio.hidden=-1"], "audio.hidden=-1"),
        (["optimizer.lr=-1"], "optimizer.lr=-1"),
        (["optimizer.lr=nan"], "optimizer.lr=nan"),
        (["optimizer.lr=1e38"], "optimizer.lr=1e+38 is not allowed"),
        (["trainer.max_epochs=0"], "trainer.max_epochs=0"),
        (["trainer.max_epochs=abc"], "trainer.max_epochs='abc'"),
        (["data=toy_ms3", "fusion=stage_4", "model.loss.mapping_stages=[1]"], "stages [1] carry no TPAVI"),
        (["data=toy_lu_avs"], "data=toy_lu_avs with model=avs: the data set holds long videos"),
        (["model=lu_avs_mask", "data=toy_ms3"], "the model takes long videos"),
        (["model.silent.mode=off"], "model.silent"),
        (["model=lu_avs_mask", "model.silent.mode=teacher"], "model.teacher=FOLDER"),
    ],
)
def test_values_that_are_not_allowed(overrides, message):
    with pytest.raises(UserError) as caught:
        compose_train(overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=lu_avs_mask", "fusion=stage_4"],
        ["model=lu_avs_mask", "backbone.name=resnet50"],
        ["model=lu_avs_box", "audio=mel"],
        ["model=lu_avs_audio", "fusion.scope=frame"],
        ["model=lu_avs_strong_mask", "optimizer.lr=1"],
    ],
)
def test_a_group_that_the_model_does_not_read_is_refused(overrides):
    group = overrides[1].split("=")[0].split(".")[0]
    with pytest.raises(UserError, match=f"does not read the group {group}; leave it out") as caught:
        compose_train(overrides)
    assert str(caught.value).startswith(overrides[1])


def test_groups_that_the_model_does_not_read_are_not_part_of_its_configuration():
    config = compose_train(["model=lu_avs_mask"])
    assert config.backbone is None
    assert config.audio is None
    assert config.fusion is None


def test_a_key_of_another_verb_names_those_that_exist():
    with pytest.raises(UserError, match="allowed: checkpoint, trainer, split, out, dataset, root, batch_size"):
        compose_evaluate(["checkpoint=x", "bogus=1"])


def test_evaluate_needs_a_checkpoint():
    with pytest.raises(UserError, match="checkpoint has no value"):
        compose_evaluate([])
    assert compose_evaluate(["checkpoint=x"]).split == "test"


@settings(max_examples=30, deadline=None)
@given(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1).filter(
        lambda text: text[0] not in "'\"[{ ${"
    )
)
def test_any_path_can_be_a_value(path):
    if any(special in path for special in ("${", "\\")) or path != path.strip():
        return  # interpolation and escapes are Hydra's own
    assert compose_evaluate([f"checkpoint=/{path}/seed=3"]).checkpoint == f"/{path}/seed=3"
