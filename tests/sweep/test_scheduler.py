"""The scheduler with fake processes; nothing here trains."""

import contextlib
import os
import re
import time
from pathlib import Path

import pytest

from avseg.runs import write_json
from avseg.runs.lock import last_end, lock
from avseg.sweep import State, run_jobs, state_of
from avseg.utils.errors import UserError
from tests.sweep.fake import COMPLETE, job, shell


def recording(at_once: int) -> str:
    """A process that records its start, its devices and its end, which waits until `at_once` have started."""
    wait = f"for i in $(seq 1000); do [ $(grep -c + {{outputs}}/record) -ge {at_once} ] && break; sleep 0.01; done; "
    start = 'echo "+ {seed} $CUDA_VISIBLE_DEVICES" >> {outputs}/record; '
    return start + wait + 'echo "- {seed}" >> {outputs}/record; '


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture(autouse=True)
def _folder(outputs: Path) -> None:
    outputs.mkdir()


def read_record(outputs: Path) -> tuple[int, dict[int, str]]:
    """The largest number of jobs at a time, and the GPUs of each; jobs that overlap must not share one."""
    running: dict[int, str] = {}
    devices: dict[int, str] = {}
    most = 0
    for line in (outputs / "record").read_text().splitlines():
        sign, seed, *gpus = line.split()
        if sign == "-":
            del running[int(seed)]
            continue
        taken = {gpu for other in running.values() for gpu in other.split(",")}
        assert not taken & set(gpus[0].split(",") if gpus else ())
        running[int(seed)] = devices[int(seed)] = gpus[0] if gpus else ""
        most = max(most, len(running))
    return most, devices


def attempts(outcome) -> int:
    return outcome.log.read_text().count("=== attempt")


def test_a_failing_and_a_killed_job_stop_no_other(outputs):
    jobs = [job(outputs, seed) for seed in (1, 2, 3, 4)]
    fates = {
        2: "echo progress; echo 'ValueError: the third clip is empty' >&2; echo the end; exit 1",
        3: "echo half; kill -9 $$",
    }
    outcomes = run_jobs(jobs, command=shell(lambda job: fates.get(job.config.seed, COMPLETE)))
    assert [outcome.state for outcome in outcomes] == ["complete", "failed", "interrupted", "complete"]
    assert [outcome.exit_code for outcome in outcomes] == [0, 1, -9, 0]
    assert outcomes[1].reason == "exit code 1: ValueError: the third clip is empty"
    assert outcomes[2].reason == "killed by signal 9: half"
    assert [state_of(job.run) for job in jobs] == [outcome.state for outcome in outcomes]

    again = run_jobs(jobs, command=shell(COMPLETE))
    assert all(outcome.state is State.COMPLETE for outcome in again)
    assert [attempts(outcome) for outcome in again] == [1, 2, 2, 1]
    assert [outcome.exit_code for outcome in again] == [None, 0, 0, None]
    assert {state_of(job.run) for job in jobs} == {State.COMPLETE}
    assert not list(outputs.rglob("logs/*.json"))


def test_a_process_without_a_result_has_failed(outputs):
    (outcome,) = run_jobs([job(outputs, 1)], command=shell("true"))
    assert outcome.state is State.FAILED
    assert "without a result" in outcome.reason


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_jobs_at_once_than_asked_for(outputs, at_once):
    jobs = [job(outputs, seed) for seed in range(6)]
    run_jobs(jobs, jobs_at_once=at_once, command=shell(recording(at_once) + COMPLETE))
    most, devices = read_record(outputs)
    assert most == at_once
    assert set(devices.values()) == {""}  # a job on the CPU sees no GPU


def test_jobs_never_share_a_gpu(outputs):
    jobs = [job(outputs, seed, accelerator="gpu") for seed in range(5)]
    run_jobs(jobs, devices=["4", "GPU-7"], command=shell(recording(2) + COMPLETE))
    most, devices = read_record(outputs)
    assert most == 2
    assert set(devices.values()) == {"4", "GPU-7"}


@pytest.mark.parametrize(("asked", "most", "leases"), [(2, 2, {"0,1", "2,3"}), (-1, 1, {"0,1,2,3"})])
def test_a_job_of_several_gpus_has_them_for_itself(outputs, asked, most, leases):
    jobs = [job(outputs, seed, accelerator="gpu", devices=asked) for seed in range(3)]
    run_jobs(jobs, devices=4, command=shell(recording(most) + COMPLETE))
    assert read_record(outputs)[0] == most
    assert set(read_record(outputs)[1].values()) <= leases


def test_too_few_gpus_are_an_error_before_anything_starts(outputs):
    jobs = [job(outputs, 1), job(outputs, 2, accelerator="gpu", devices=4)]
    with pytest.raises(UserError, match=r"trainer\.devices=4: a job needs 4 GPUs and 2 are found"):
        run_jobs(jobs, devices=2, command=shell(COMPLETE))
    assert not list(outputs.iterdir())


def test_a_job_waits_for_the_run_that_it_begins_from(outputs):
    source = job(outputs, 9)
    jobs = [job(outputs, 1, needs=source.run_id), job(outputs, 2), source]
    lines = {1: f"test -f {source.run.result} || exit 5; "}
    outcomes = run_jobs(jobs, command=shell(lambda job: lines.get(job.config.seed, "sleep 0.1; ") + COMPLETE))
    assert [outcome.state for outcome in outcomes] == ["complete"] * 3


def test_a_job_whose_source_failed_is_blocked_and_others_go_on(outputs, capsys):
    source = job(outputs, 9)
    jobs = [job(outputs, 1, needs=source.run_id), source, job(outputs, 2)]
    outcomes = run_jobs(jobs, command=shell(lambda job: "exit 1" if job is source else COMPLETE))
    assert [outcome.state for outcome in outcomes] == ["missing", "failed", "complete"]
    assert outcomes[0].reason == "needs seed=9, which is not complete"
    assert not outcomes[0].log.exists()
    assert "[1/3] seed=1: blocked (needs seed=9, which is not complete)" in capsys.readouterr().out


def test_a_missing_source_is_an_error_before_anything_starts(outputs):
    other = job(outputs, 1, needs="toy_s4-x-none-scratch-00000000-s1", command="avseg train data=toy_s4")
    with pytest.raises(UserError, match="not complete; make it with: avseg train data=toy_s4"):
        run_jobs([other], command=shell(COMPLETE))
    assert not list(outputs.iterdir())


def test_fail_fast_starts_nothing_after_a_failure(outputs):
    jobs = [job(outputs, seed) for seed in (1, 2, 3)]
    outcomes = run_jobs(jobs, jobs_at_once=1, fail_fast=True, command=shell("exit 1"))
    assert [outcome.state for outcome in outcomes] == ["failed", "missing", "missing"]
    assert outcomes[2].reason == "not started, after a failure"


def test_a_run_that_another_process_trains_is_left_alone(outputs):
    busy, other = job(outputs, 1), job(outputs, 2)
    with lock(busy.run):
        outcomes = run_jobs([busy, other], command=shell(COMPLETE))
    assert [outcome.state for outcome in outcomes] == ["running", "complete"]
    assert f"in process {os.getpid()} on " in outcomes[0].reason


def test_the_later_of_two_sweeps_records_no_end(outputs):
    """Both start a process for the run before either holds it; one is refused by the lock."""
    with contextlib.ExitStack() as other:

        def command(job):
            other.enter_context(lock(job.run))
            return ["sh", "-c", "echo 'avseg: error: is being trained'; exit 2"]

        (outcome,) = run_jobs([job(outputs, 1)], command=command)
        assert outcome.state is State.RUNNING
        assert f"in process {os.getpid()}" in outcome.reason
        assert last_end(outcome.job.run) is None


def test_a_damaged_csv_stops_no_sweep(outputs):
    runs = [job(outputs, seed) for seed in (1, 2)]
    line = "mkdir -p {run} && printf '\\377\\000' > {run}/metrics.csv && " + COMPLETE
    assert all(outcome.state is State.COMPLETE for outcome in run_jobs(runs, command=shell(line)))


def test_nothing_is_left_of_a_job_that_has_ended(outputs):
    (outcome,) = run_jobs([job(outputs, 1)], command=shell("sleep 1000 & echo $! > {outputs}/pid; " + COMPLETE))
    assert outcome.state is State.COMPLETE
    pid = int((outputs / "pid").read_text())
    deadline = time.monotonic() + 10  # the kernel needs a moment on a busy machine
    while not ended(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended(pid)


def ended(pid: int) -> bool:
    """True if a process has ended; it may not be reaped yet."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    return re.search(r"State:\s+[ZX]", status) is not None


def test_the_cores_are_shared(outputs, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("avseg.sweep.devices.usable_cores", lambda: 8)
    write = "echo $OMP_NUM_THREADS > {outputs}/threads{seed}; " + COMPLETE
    run_jobs([job(outputs, seed) for seed in range(8)], command=shell(write))
    assert (outputs / "threads0").read_text() == "2\n"  # 8 cores, 4 jobs
    run_jobs([job(outputs, 8, devices=2)], command=shell(write))
    assert (outputs / "threads8").read_text() == "4\n"  # one job of 2 processes
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    run_jobs([job(outputs, 9)], command=shell(write))
    assert (outputs / "threads9").read_text() == "3\n"


def test_complete_jobs_start_nothing(outputs, capsys):
    done = job(outputs, 1)
    write_json(done.run.result, {})
    (outcome,) = run_jobs([done], command=shell("exit 1"))
    assert (outcome.state, outcome.exit_code, outcome.reason) == (State.COMPLETE, None, "")
    assert "complete (complete already)" in capsys.readouterr().out
