import pytest

from avseg.config.compose import compose_train
from avseg.config.read import plain_config, train_config
from avseg.runs import run_hash, run_id, slug

CONFIG = compose_train(["data=toy_ms3", "fusion=stages_34"])


def test_slug_names_what_a_reader_wants_to_see():
    assert slug(CONFIG) == "toy_ms3-resnet50-s34-scratch"
    assert slug(compose_train(["fusion=none"])) == "avsbench_s4-resnet50-none-scratch"
    assert slug(compose_train(["fusion=frame_1234"])) == "avsbench_s4-resnet50-s1234_frame-scratch"
    assert run_id(CONFIG).endswith(f"{run_hash(CONFIG)}-s123")


@pytest.mark.parametrize(
    "override",
    [
        "data.num_workers=7",
        "logger=wandb_offline",
        "trainer=gpu_like",
        "callbacks=none",
        "trainer=cpu",
        "data.root=x",
        "data.packed=false",
        "data.packed_audio=embeddings",
        "seed=5",
    ],
)
def test_infrastructure_does_not_change_the_hash(override):
    if override == "trainer=gpu_like":
        override = "trainer.accelerator=gpu"
    assert run_hash(compose_train(["data=toy_ms3", "fusion=stages_34", override])) == run_hash(CONFIG)


@pytest.mark.parametrize(
    "override",
    [
        "optimizer.lr=2e-4",
        "fusion=stage_3",
        "data.batch_size=8",
        "trainer.max_epochs=3",
        "trainer=gpu",
        "model.loss.mapping_form=euclidean",
        "trainer.limit_test_batches=1",
        "trainer.limit_val_batches=1",
        "trainer.options.max_steps=10",
        "callbacks.stop={_target_: pytorch_lightning.callbacks.EarlyStopping, monitor: val/miou}",
    ],
)
def test_science_changes_the_hash(override):
    base = ["data=toy_ms3", "fusion=stages_34"]
    assert run_hash(compose_train([*base, override])) != run_hash(CONFIG)


def test_a_written_configuration_has_the_same_identity():
    assert run_id(train_config(plain_config(CONFIG))) == run_id(CONFIG)
