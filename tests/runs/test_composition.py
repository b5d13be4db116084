"""The strong baseline is composed of two runs, found by what they are; the own identity follows from theirs."""

import functools
import shlex

import pytest

from avseg.config.compose import compose_train
from avseg.runs import run_hash, run_id
from avseg.runs.configure import training_config
from avseg.utils.errors import UserError

PARTS = {"strong_mask": "mask", "strong_box": "box"}


def parts(config):
    return {part: source.run for part, source in config.model.sources().items()}


@pytest.mark.parametrize("composed", PARTS)
@pytest.mark.parametrize("toy", ["", "toy_"])
def test_the_parts_are_the_branches_themselves(composed, toy):
    """The paper's commands of the branches make the runs that the paper's composition is of."""
    config = training_config([f"model={toy}lu_avs_{composed}", "seed=3"])
    visual = compose_train(["seed=3", f"model={toy}lu_avs_{PARTS[composed]}"])
    audio = compose_train(["seed=3", f"model={toy}lu_avs_audio"])
    assert parts(config) == {"visual": run_id(visual), "audio": run_id(audio)}


def test_the_commands_make_the_parts():
    words = ["data=toy_lu_avs", "data.root=/a place/lu", "seed=5", "trainer=cpu", "trainer.max_epochs=2"]
    config = training_config(["model=lu_avs_strong_mask", *words, "experiment=x", "logger=wandb", "data.rate=1"])
    for part, branch in (("visual", "mask"), ("audio", "audio")):
        source = config.model.sources()[part]
        command = shlex.split(source.command)
        assert command == ["avseg", "train", *words, f"model=lu_avs_{branch}"]
        assert run_id(training_config(command[2:])) == source.run
    assert config.data.rate == 1  # the composition's own


OWN = ["model=toy_lu_avs_strong_mask"]


@functools.cache
def own():
    return training_config(OWN)


@pytest.mark.parametrize(
    "words",
    [
        ["trainer.max_epochs=3"],
        ["trainer.precision=bf16-mixed"],
        ["model.visual=[model=toy_lu_avs_mask,model.silent.mode=off]"],
        ["model.audio=[model=toy_lu_avs_audio,model.heads=two_heads]"],
    ],
)
def test_another_part_is_another_composition(words):
    plain, other = own(), training_config([*OWN, *words])
    assert parts(other) != parts(plain)
    assert run_hash(other) != run_hash(plain)


@pytest.mark.parametrize(
    "word",
    ["model.aggregation.mode=argmax", "model.smoothing.median=0", "model.score.unit=segment", "data.rate=1"],
)
def test_another_evaluation_is_another_composition_of_the_same_parts(word):
    plain, other = own(), training_config([*OWN, word])
    assert parts(other) == parts(plain)
    assert run_hash(other) != run_hash(plain)


@pytest.mark.parametrize(
    "word",
    [
        "trainer=ddp_cpu",
        "logger=wandb",
        "data.root=/elsewhere",
        "data.num_workers=3",
        "experiment=other",
        "paths.outputs=/elsewhere",
        "+data.frames_per_chunk=2",
    ],
)
def test_where_and_how_it_runs_changes_nothing(word):
    plain, other = own(), training_config([*OWN, word])
    assert parts(other) == parts(plain)
    assert run_id(other) == run_id(plain)


def test_the_seed_is_that_of_both_parts():
    plain, other = own(), training_config([*OWN, "seed=9"])
    assert run_hash(other) == run_hash(plain)
    assert [run.rpartition("-s")[2] for run in parts(other).values()] == ["9", "9"]


@pytest.mark.parametrize("word", ["model.silent.mode=off", "model.network=tiny", "model.heads=two_heads"])
def test_what_only_a_branch_reads_is_refused(word):
    with pytest.raises(
        UserError, match=r"is read by the branches, .* such as model.visual=\[model=toy_lu_avs_mask,"
    ) as error:
        training_config([*OWN, word])
    assert "\n" not in str(error.value)


def test_what_follows_is_not_given():
    with pytest.raises(
        UserError, match=r"model.visual_source.run follows from model.visual and model.audio; leave it out"
    ):
        training_config([*OWN, "model.visual_source.run=x"])


def test_a_mistake_in_a_part_is_told_with_its_place():
    with pytest.raises(UserError, match=r"model\.visual: the key 'modle' does not exist; did you mean 'model'"):
        training_config([*OWN, "model.visual=[modle=lu_avs_mask]"])


@pytest.mark.parametrize("composed", PARTS)
@pytest.mark.parametrize("toy", ["", "toy_"])
def test_a_composition_sees_what_its_visual_branch_has_learnt_to_see(composed, toy):
    whole = training_config([f"model={toy}lu_avs_{composed}"]).data
    part = training_config([f"model={toy}lu_avs_{PARTS[composed]}"]).data
    assert whole.image_size == part.image_size
    assert whole.long_side == part.long_side


def test_a_size_that_the_visual_branch_alone_was_given_is_the_composition_s():
    visual = "model.visual=[model=toy_lu_avs_box,data.image_size=40,data.long_side=60]"
    data = training_config(["model=toy_lu_avs_strong_box", visual]).data
    assert (data.image_size, data.long_side) == (40, 60)
