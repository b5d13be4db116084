import pytest
import torch

from avseg.runs.configure import training_config
from avseg.training.preflight import check_devices, check_processes
from avseg.utils.errors import UserError


def check(monkeypatch: pytest.MonkeyPatch, gpus: int, *words: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    check_devices(training_config(["data=toy_ms3", *words]).trainer)


@pytest.mark.parametrize("trainer", ["gpu", "ddp"])
def test_no_gpu(monkeypatch, trainer):
    with pytest.raises(UserError, match="shows no GPU; use trainer=cpu"):
        check(monkeypatch, 0, f"trainer={trainer}")


@pytest.mark.parametrize("devices", ["3", "[0,2]"])
def test_fewer_gpus_than_asked(monkeypatch, devices):
    with pytest.raises(UserError, match="shows 2 GPUs"):
        check(monkeypatch, 2, "trainer=ddp", f"trainer.devices={devices}")


@pytest.mark.parametrize(
    ("gpus", "words"),
    [
        (0, ["trainer=cpu"]),
        (0, ["trainer=auto"]),
        (0, ["trainer=ddp_cpu"]),
        (1, ["trainer=gpu"]),
        (2, ["trainer=ddp"]),
        (2, ["trainer=ddp", "trainer.devices=2"]),
        (2, ["trainer=ddp", "trainer.devices=[1]"]),
    ],
)
def test_enough(monkeypatch, gpus, words):
    check(monkeypatch, gpus, *words)


def together(processes: int, *words: str) -> None:
    check_processes(training_config(["data=toy_ms3", *words]), processes)


def test_the_processes_share_the_batch_evenly():
    together(2, "data.batch_size=4")
    with pytest.raises(UserError, match=r"data\.batch_size=6 .* a multiple of 4, such as 4 or 8"):
        together(4, "data.batch_size=6")
    with pytest.raises(UserError, match=r"a multiple of 4, such as 4$"):
        together(4, "data.batch_size=3")


def test_the_nearest_sound_of_a_batch_is_for_one_process():
    together(1, "model.loss.mapping_pairing=closest")
    together(2, "model.loss.mapping_pairing=closest", "model.loss.mapping_weight=0")
    with pytest.raises(UserError, match="mapping_pairing=closest"):
        together(2, "model.loss.mapping_pairing=closest")
