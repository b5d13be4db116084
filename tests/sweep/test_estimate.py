from dataclasses import replace

import pytest

from avseg.config.read import plain_config
from avseg.runs import write_json
from avseg.sweep import estimate
from avseg.sweep.devices import Pool
from tests.sweep.fake import job


def finish(run_of, seconds, gpus=(), **manifest):
    run_of.run.write_config(plain_config(run_of.config))
    values = {"wall_seconds": seconds, "hardware": {"gpus": list(gpus)}} | manifest
    write_json(run_of.run.manifest, values)
    write_json(run_of.run.result, {})


def test_hours_follow_from_finished_runs_by_their_epochs(tmp_path):
    finish(job(tmp_path, 1, max_epochs=10), 3600)
    finish(job(tmp_path, 2, max_epochs=20), 3 * 3600)
    jobs = [job(tmp_path, 1, max_epochs=10), job(tmp_path, 3, max_epochs=100), job(tmp_path, 4, max_epochs=100)]
    guess = estimate(jobs, pool=Pool([], cores=2))
    assert guess.hours == pytest.approx(2 * 100 * (0.1 + 0.15) / 2)
    assert guess.wall_hours == pytest.approx(guess.hours / 2)  # two at once
    assert (guess.estimated, guess.unknown, guess.runs) == (2, 0, 2)
    assert str(guess) == "about 12.5 hours (25.0 hours of jobs), from 2 finished runs"


def with_stages(old, *stages):
    fusion = replace(old.config.fusion, stages=stages)
    return replace(old, config=replace(old.config, fusion=fusion))


def test_runs_with_the_same_fusion_are_preferred(tmp_path):
    same = job(tmp_path, 1)
    finish(same, 100)
    finish(with_stages(job(tmp_path, 2), 4), 900)
    asked = job(tmp_path, 3)
    assert estimate([asked], pool=Pool([], cores=1)).hours * 3600 == pytest.approx(100)
    assert estimate([with_stages(asked, 3)], pool=Pool([], cores=1)).hours * 3600 == pytest.approx(500)


def test_runs_of_another_kind_are_not_used(tmp_path):
    finish(job(tmp_path, 1), 100, resumed=1)
    finish(job(tmp_path, 2, accelerator="gpu"), 100, gpus=["H100"])
    finish(job(tmp_path, 3, precision="bf16-mixed"), 100)
    finish(job(tmp_path, 4, devices=2), 100)
    broken = job(tmp_path, 5)
    finish(broken, 100)
    broken.run.config.write_text("{")
    guess = estimate([job(tmp_path, 9)], pool=Pool([], cores=2))
    assert (guess.estimated, guess.unknown) == (0, 1)
    assert str(guess) == "no estimate: no run of this kind has finished"


def test_nothing_to_do(tmp_path):
    done = job(tmp_path, 1)
    finish(done, 100)
    assert str(estimate([done])) == "nothing to do"


def test_jobs_for_another_machine_are_estimated_one_by_one(tmp_path):
    finish(job(tmp_path, 1, accelerator="gpu", devices=4), 3600, gpus=["H100"] * 4)
    guess = estimate([job(tmp_path, seed, accelerator="gpu", devices=4) for seed in (2, 3)], pool=Pool([]))
    assert guess.wall_hours == guess.hours == pytest.approx(2)
