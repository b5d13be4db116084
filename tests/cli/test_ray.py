"""`--ray` of `predict`, `data prepare` and `data check`: the same results as one run, also if a worker is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from avseg.cli import predict as predict_verb
from avseg.data.check import sharded as check_sharded
from avseg.data.prepare import run as prepare_run
from avseg.utils.processes import ProcessDied
from tests.data.check.tree import SMALL, make_tree
from tests.data.prepare.prepared_files import file_digests
from tests.media.make_video import make_video
from tests.prediction.fake_model import FakeModel
from tests.runs_for_tests import avseg

MODEL = Path(__file__).parents[1] / "first_edition/seed=123"


def _run_backwards(
    function: Callable[[Any], Any], jobs: Sequence[Any], address: str, begin: object = None, gpus: float = 0
) -> Iterator[tuple[Any, Any]]:
    """Finish jobs in another order, like a cluster."""
    assert address == "cluster:1"
    for job in reversed(jobs):
        yield job, function(job)


def _make_videos(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        # of a smaller one x264 does not always write the same bytes
        make_video(folder / f"{number:02d}.mp4", frames=20, rate=10, size=(128, 128))
    (folder / "bad.mp4").write_text("not a video " * 9)


def _predict(out: str, *more: str) -> list[str]:
    return ["predict", "in", "--out", out, "--model", str(MODEL), "--device", "cpu", "--json", f"{out}.json", *more]


def _prepare(out: str, *more: str) -> list[str]:
    return ["data", "prepare", "in", "--out", out, "--size", "32", "--jobs", "1", *more]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster in this process, and the results of one run."""
    monkeypatch.setattr("avseg.cli.predict_model.load_model", lambda path: FakeModel(clip_length=2))
    for module in (predict_verb, prepare_run, check_sharded):
        monkeypatch.setattr(module, "run_ray_jobs", _run_backwards)
    monkeypatch.setattr(prepare_run, "run_jobs", lambda function, jobs, *_: ((job, function(job)) for job in jobs))
    monkeypatch.chdir(tmp_path)


def test_the_order_of_a_cluster_does_not_matter(cluster: None) -> None:
    _make_videos(Path("in"), 3)
    ray = ["--ray", "cluster:1"]
    one, two = avseg(_predict("one")), avseg(_predict("two", *ray))
    assert (one.code, one.err) == (two.code, two.err) == (2, one.err)
    assert file_digests(Path("one")) == file_digests(Path("two"))
    assert Path("one.json").read_text() == Path("two.json").read_text().replace('"two/', '"one/')
    assert avseg(_prepare("set")).code == avseg(_prepare("ter", *ray)).code == 1
    assert file_digests(Path("set")) == file_digests(Path("ter"))


def test_check_on_a_cluster(cluster: None, tmp_path: Path) -> None:
    make_tree(tmp_path / "set", "ms3", SMALL["ms3"], log_mel=True)
    for path in sorted(Path("set/ms3_data").rglob("*.png"))[::3]:
        path.write_bytes(b"")
    one = avseg(["data", "check", "set", "--jobs", "1", "--json", "one.json"])
    two = avseg(["data", "check", "set", "--ray", "cluster:1", "--json", "two.json"])
    assert (one.code, one.out) == (two.code, two.out)
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()


def test_a_video_whose_workers_die_fails_alone(cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    _make_videos(Path("in"), 2)
    Path("out/.00.abcdefgh.part").mkdir(parents=True)  # what a killed worker leaves

    def dies(function: Callable[[Any], Any], jobs: Sequence[Any], *_: object, **options: object) -> Iterator[Any]:
        for job in jobs:
            yield job, ProcessDied() if job.path.name == "00.mp4" else function(job)

    monkeypatch.setattr(predict_verb, "run_ray_jobs", dies)
    done = avseg(_predict("out", "--ray", "cluster:1"))
    assert done.code == 2
    assert "2 of 3 videos failed: in/00.mp4: its worker died 4 times" in done.err
    assert [path.name for path in Path("out").iterdir()] == ["01"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--ray", "local", "--merge"], "merging needs no cluster"),
        (["--ray-gpus", "1"], "--ray-gpus 1: is for --ray ADDRESS"),
        (["--ray", "local", "--ray-gpus", "-1"], "--ray-gpus -1: must be 0 or more"),
    ],
)
def test_mistakes(cluster: None, more: list[str], message: str) -> None:
    _make_videos(Path("in"), 1)
    done = avseg(_predict("out", *more))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_without_ray_one_line_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.chdir(tmp_path)
    _make_videos(Path("in"), 1)
    done = avseg(_predict("out", "--ray", "local"))
    assert (done.code, done.err) == (2, "avseg: error: --ray needs Ray: pip install 'avseg[ray]'\n")


def _workers(driver: int) -> list[int]:
    """Return the processes of a local cluster that run a job now."""
    parents: dict[int, int] = {}
    busy: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text()
            command = (folder / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
        if command.startswith(b"ray::call"):  # other processes of Ray run no job
            busy.append(int(folder.name))
    return [pid for pid in busy if driver in _ancestors(pid, parents)]


def _ancestors(pid: int, parents: dict[int, int]) -> list[int]:
    ancestors = []
    while pid in parents:
        pid = parents[pid]
        ancestors.append(pid)
    return ancestors


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_local_cluster_with_a_worker_killed_midway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _make_videos(Path("in"), 40)
    one = avseg(_predict("one"))
    command = [sys.executable, "-m", "avseg", *_predict("two", "--ray", "local")]
    killed = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while not killed and process.poll() is None:
            workers = _workers(process.pid) if len(list(Path("two").glob("[0-9]*"))) >= 5 else []
            if workers:
                killed = workers[0]
                os.kill(killed, signal.SIGKILL)
            time.sleep(0.01)
        assert killed, "it ended before"
        assert len(list(Path("two").glob("[0-9]*"))) < 40
        _, error = process.communicate()
    assert process.returncode == one.code == 2
    assert error.splitlines()[-1] == one.err.strip()
    assert file_digests(Path("one")) == file_digests(Path("two"))
    assert Path("one.json").read_text() == Path("two.json").read_text().replace('"two/', '"one/')


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_prepare_and_check_on_a_local_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _make_videos(Path("in"), 6)
    monkeypatch.setattr(prepare_run, "run_jobs", lambda function, jobs, *_: ((job, function(job)) for job in jobs))
    assert avseg(_prepare("one")).code == 1
    outputs: list[str] = []
    for words in (_prepare("two", "--ray", "local"), ["data", "check", "two", "--ray", "local"]):
        done = subprocess.run([sys.executable, "-m", "avseg", *words], capture_output=True, text=True, check=False)
        outputs.append(done.stdout + done.stderr)
    assert "6 of 7 videos prepared, 1 failed" in outputs[0]
    assert "complete and valid" in outputs[1]
    assert file_digests(Path("one")) == file_digests(Path("two"))
