import sys
from pathlib import Path

import pytest

from avseg.config.schema import TrainerConfig
from avseg.sweep.devices import Pool, found_devices, on_gpu, processes_of
from avseg.utils.errors import UserError


@pytest.mark.parametrize(
    ("trainer", "gpus", "processes", "takes_gpu"),
    [
        (TrainerConfig(accelerator="cpu", devices=1), 4, 1, False),
        (TrainerConfig(accelerator="cpu", devices=2), 4, 2, False),
        (TrainerConfig(accelerator="cpu", devices="auto"), 4, 1, False),
        (TrainerConfig(accelerator="auto", devices=1), 0, 1, False),
        (TrainerConfig(accelerator="auto", devices=1), 4, 1, True),
        (TrainerConfig(accelerator="auto", devices="auto"), 4, 4, True),
        (TrainerConfig(accelerator="gpu", devices=-1), 4, 4, True),
        (TrainerConfig(accelerator="gpu", devices="-1"), 0, 1, True),
        (TrainerConfig(accelerator="cuda", devices="2"), 4, 2, True),
    ],
)
def test_processes(trainer, gpus, processes, takes_gpu):
    assert processes_of(trainer, gpus) == processes
    assert on_gpu(trainer, gpus) is takes_gpu


@pytest.mark.parametrize("devices", [(2, 3), "0,1", "some"])
def test_certain_devices_are_the_launchers_to_choose(devices):
    with pytest.raises(UserError, match="the launcher chooses the devices"):
        processes_of(TrainerConfig(accelerator="gpu", devices=devices), 4)


@pytest.mark.parametrize(("cores", "processes", "at_once"), [(1, 1, 1), (2, 1, 2), (16, 1, 4), (16, 2, 2), (2, 8, 1)])
def test_jobs_at_once_on_the_cpu(cores, processes, at_once):
    trainer = TrainerConfig(accelerator="cpu", devices=processes)
    assert Pool([], cores=cores).at_once(trainer) == at_once
    assert Pool([], jobs_at_once=7, cores=cores).at_once(trainer) == 7


@pytest.mark.parametrize(("gpus", "devices", "at_once"), [(8, 1, 8), (8, 2, 4), (8, 3, 2), (8, -1, 1)])
def test_jobs_at_once_on_gpus(gpus, devices, at_once):
    trainer = TrainerConfig(accelerator="gpu", devices=devices)
    pool = Pool([str(gpu) for gpu in range(gpus)])
    assert pool.at_once(trainer) == at_once
    leases = [lease for _ in range(10) if (lease := pool.take(trainer)) is not None]
    assert len(leases) == at_once
    names = [name for lease in leases for name in lease]
    assert len(set(names)) == len(names)
    pool.give_back(leases[0])
    assert pool.take(trainer) is not None
    assert pool.take(trainer) is None


def test_fewer_at_once_can_be_asked_for():
    assert Pool(["0", "1", "2"], jobs_at_once=2).at_once(TrainerConfig(accelerator="gpu", devices=1)) == 2
    with pytest.raises(UserError, match="must be at least 1"):
        Pool([], jobs_at_once=0)


@pytest.mark.parametrize(
    ("visible", "number", "found"),
    [(None, 2, ["0", "1"]), ("3,5", 2, ["3", "5"]), ("GPU-a, GPU-b", 2, ["GPU-a", "GPU-b"]), ("-1", 0, [])],
)
def test_the_parents_devices_are_honoured(visible, number, found, monkeypatch):
    monkeypatch.setattr("avseg.sweep.devices._GPU_DRIVERS", (Path(__file__),))
    monkeypatch.setattr("torch.cuda.device_count", lambda: number)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert found_devices() == found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its drivers in /dev")
def test_without_a_driver_torch_is_not_asked(monkeypatch, tmp_path):
    monkeypatch.setattr("avseg.sweep.devices._GPU_DRIVERS", (tmp_path / "nvidiactl",))
    monkeypatch.setattr("torch.cuda.device_count", lambda: pytest.fail("torch was asked"))
    assert found_devices() == []
