import sys

import pytest

from avseg.runs import RunDirectory, run_id
from avseg.runs.configure import training_config
from avseg.sweep import plan
from avseg.sweep.jobs import make_pool
from avseg.utils.errors import UserError

OVERRIDES = ["data=toy_ms3", "backbone=tiny", "audio=mel", "trainer=cpu"]


def test_a_job_is_its_plain_command(tmp_path):
    overrides = [*OVERRIDES, f"paths.outputs={tmp_path}", "seed=7"]
    (job,) = plan([overrides])
    assert job.config == training_config(overrides)
    assert job.run == RunDirectory.of(job.config)
    assert job.name == job.run_id == run_id(job.config)
    assert job.command == [sys.executable, "-m", "avseg", "train", *overrides]
    assert (job.processes, job.needs) == (1, {})


def test_names_distinguish_jobs():
    commands = [[*OVERRIDES, fusion, f"seed={seed}"] for fusion in ("fusion=none", "fusion=stage_4") for seed in (1, 2)]
    assert [job.name for job in plan(commands)][:2] == ["fusion=none seed=1", "fusion=none seed=2"]
    assert [job.name for job in plan(commands, list("abcd"))] == list("abcd")


def test_a_job_knows_the_run_that_it_begins_from():
    overrides = [*OVERRIDES, "seed=1"]
    source, job = plan(
        [["data=toy_s4", *overrides[1:]], [*overrides, "init=single_source", "init.source=[data=toy_s4]"]]
    )
    assert source.needs == {}
    assert list(job.needs) == [source.run_id]


@pytest.mark.parametrize("wrong", ["fusion=stage_5", "fusion.stages=[5]", "seed=abc", "bogus=1"])
def test_a_mistake_in_any_job_is_found(wrong):
    with pytest.raises(UserError):
        plan([OVERRIDES, [*OVERRIDES, wrong]])


def test_two_jobs_of_one_run_are_refused():
    with pytest.raises(UserError, match=r"'data\.num_workers=0' and 'data\.num_workers=1' are the same run"):
        plan([[*OVERRIDES, "data.num_workers=0"], [*OVERRIDES, "data.num_workers=1"]])


def test_a_repeated_job_is_refused():
    with pytest.raises(UserError, match="fusion=none' is in the sweep twice"):
        plan([[*OVERRIDES, "fusion=none"]] * 2)


def test_devices_by_name():
    assert make_pool([], devices="2,3").devices == ("2", "3")
    assert make_pool([], devices=[0, 3]).devices == ("0", "3")
    with pytest.raises(UserError, match="names a GPU twice"):
        make_pool([], devices=[0, 0])


def test_processes(monkeypatch):
    (two,) = plan([[*OVERRIDES[:3], "trainer=ddp_cpu"]])
    assert two.processes == 2
    monkeypatch.setattr("avseg.sweep.jobs.found_devices", lambda: ["0", "1", "2"])
    (all_devices,) = plan([[*OVERRIDES[:3], "trainer=ddp"]])
    assert all_devices.processes == 3
