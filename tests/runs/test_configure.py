"""`init=single_source`: the run to begin from follows from the own command, and the own identity from that run."""

import random
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.config.compose import compose_train
from avseg.runs import run_hash, run_id, slug
from avseg.runs.configure import training_config
from avseg.utils.errors import UserError

OWN = ["data=avsbench_ms3", "backbone=pvt_v2_b5", "fusion=stages_34"]
START = "init=single_source"


@pytest.mark.parametrize("backbone", ["resnet50", "pvt_v2_b5"])
@pytest.mark.parametrize("fusion", ["none", "stages_1234"])
def test_table_a2_begins_from_table_a1(backbone, fusion):
    """The source of an MS3 cell is what a Single-source cell of the same backbone and fusion is called."""
    words = [f"backbone={backbone}", f"fusion={fusion}", "seed=3"]
    config = training_config(["experiment=table_a2", "data=avsbench_ms3", *words, START])
    source = compose_train(["experiment=table_a1", "data=avsbench_s4", *words])
    assert config.init.run == run_id(source)
    assert config.init.command == shlex.join(["avseg", "train", *words, "data=avsbench_s4"])
    assert slug(config).endswith("-single_source")


def test_the_recipe_stays_and_the_explicit_data_set_wins():
    words = [
        "recipe=toy",
        "data.root=/a place/ms3",
        "trainer.max_epochs=3",
        "data.image_size=32",
        "logger=wandb_offline",
    ]
    config = training_config([*words, "seed=1", "paths.outputs=/an output", START, "init.source=[data=toy_s4]"])
    command = shlex.split(config.init.command)
    # paths.outputs stays: there the run is looked for
    assert command[2:] == ["recipe=toy", "data.image_size=32", "seed=1", "paths.outputs=/an output", "data=toy_s4"]
    source = compose_train(command[2:])
    assert run_id(source) == config.init.run
    assert (source.data.name, source.trainer.max_epochs, source.backbone.name) == ("toy_s4", 20, "test_efficientnet")


def test_the_source_may_have_settings_and_a_seed_of_its_own():
    source = "init.source=[data=toy_s4,trainer.max_epochs=2,'model.loss.mapping_stages=[1,2]',data.root=/a=b]"
    config = training_config(["data=toy_ms3", "seed=5", START, source, "init.seed=9"])
    made = compose_train(shlex.split(config.init.command)[2:])
    assert (made.seed, made.trainer.max_epochs, made.model.loss.mapping_stages) == (9, 2, (1, 2))
    assert made.data.root == "/a=b"
    assert config.init.run == run_id(made)
    assert config.seed == 5


def test_the_own_data_loss_and_epochs_are_not_the_source_s():
    """Variants of L_AVM on MS3 begin from one Single-source run, which has no L_AVM."""
    plain = training_config([*OWN, START])
    for more in (
        "model.loss.mapping_form=euclidean",
        "trainer.max_epochs=5",
        "trainer.max_epochs=5",
        "model.loss.mapping_weight=0.1",
    ):
        other = training_config([*OWN, START, more])
        assert other.init.run == plain.init.run
        assert run_hash(other) != run_hash(plain)


SCIENCE = ["optimizer.lr=2e-4", "model.channels=64", "data.image_size=32", "trainer.precision=bf16-mixed", "audio=mel"]
INFRASTRUCTURE = ["logger=wandb", "data.num_workers=3", "callbacks=none", "paths.data=elsewhere", "data.root=there"]


@settings(max_examples=5, deadline=None)
@given(st.sets(st.sampled_from(SCIENCE)), st.sets(st.sampled_from(INFRASTRUCTURE)), st.randoms())
def test_identity_follows_the_science_and_nothing_else(science, infrastructure, chance: random.Random):
    """Neither the order of words nor infrastructure counts, for the run as for its source; each science word does."""
    words = [*OWN, START, *sorted(science)]
    plain = training_config(words)
    mixed = [*words, *infrastructure, "experiment=other", "trainer.devices=2", "trainer.strategy=ddp", "seed=8"]
    chance.shuffle(mixed)
    other = training_config(mixed)
    assert (run_hash(other), slug(other)) == (run_hash(plain), slug(plain))
    assert other.init.run == plain.init.run.removesuffix("-s123") + "-s8"
    changed = training_config([*words, "optimizer.weight_decay=0.1"])
    assert run_hash(changed) != run_hash(plain)
    assert changed.init.run != plain.init.run


@pytest.mark.parametrize("word", SCIENCE)
def test_each_word_of_science_counts_for_both(word):
    plain, changed = training_config([*OWN, START]), training_config([*OWN, START, word])
    assert run_hash(changed) != run_hash(plain)
    assert changed.init.run != plain.init.run


def test_the_hash_follows_the_source():
    hashes = {
        run_hash(training_config([*OWN, *words]))
        for words in (
            [],
            [START],
            [START, "init.source=[data=avsbench_s4,trainer.max_epochs=3]"],
            [START, "init.source=[data=toy_s4]"],
            [START, "init.seed=1"],
        )
    }
    assert len(hashes) == 5
    # the seed is the folder's, so that all seeds of a cell lie side by side
    assert run_hash(training_config([*OWN, START, "seed=1"])) == run_hash(training_config([*OWN, START, "seed=2"]))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([START, "init.source=[data=toy_s5]"], "init.source: data=toy_s5 does not exist"),
        ([START, "init.source=[dat=toy_s4]"], "init.source: the key 'dat' does not exist"),
        ([START, "init.source=[init=single_source]"], "may not begin from a Single-source run"),
        ([START, "init.source=[]"], "init.source=\\[data=NAME\\]"),
        ([START, "init.run=x"], "leave them out"),
        ([START, "init.seed=many"], "init.seed='many' is not allowed"),
        ([START, "init.checkpoint=x"], "init=checkpoint alone"),
        (["init.seed=1"], "init=single_source alone"),
        (["init.source=[data=toy_s4]"], "init=single_source alone"),
    ],
)
def test_mistakes_are_told_in_one_line(words, says):
    with pytest.raises(UserError, match=says) as caught:
        training_config([*OWN, *words])
    assert "\n" not in str(caught.value)


def test_a_configuration_without_its_source_has_no_name():
    with pytest.raises(UserError, match="training_config"):
        run_hash(compose_train([START]))
