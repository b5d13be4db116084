"""Prepare a folder of raw videos in several processes, skipping finished ones."""

import errno
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from avseg.data.avsbench.index import read_index
from avseg.data.avsbench.layout import Layout
from avseg.data.prepare.options import Options
from avseg.data.prepare.progress import ProgressStore
from avseg.data.prepare.raw_videos import RawVideo, find_benchmark_videos, find_index, find_own_videos
from avseg.data.prepare.result import Outcome
from avseg.data.prepare.video import prepare_video
from avseg.utils.errors import UserError
from avseg.utils.processes import ProcessDied, run_jobs
from avseg.utils.ray_jobs import run_ray_jobs

_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # every other video would fail with the same error
_DIED = "its process died (killed, crashed or out of memory); the same command retries it"


class Job(NamedTuple):
    """A video to prepare in a staging folder."""

    video: RawVideo
    options: Options
    staging: Path


def prepare(
    folder: Path,
    out: Path,  # root of the data set; it may hold masks already
    options: Options,
    *,
    index: Path | None = None,  # AVSBench: the official index file; default: the one in the folder or above it
    jobs: int = 0,  # number of processes; 0 = run in this one
    ray: str | None = None,  # address of a Ray cluster to run on
    overwrite: bool = False,  # prepare everything again
    started: Callable[[int, int], None] = lambda total, finished: None,
    advance: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Convert raw videos to a data set in the official layout; finished videos are skipped.

    `started` is called with the number of videos and of those finished earlier, `advance` after each video.

    Returns:
        The outcome of each video, in the order of their names or of the index.

    Raises:
        UserError: a wrong option, no videos, other data in `out`. A video that fails raises nothing.
    """
    store, videos, index = find_work(folder, out, options, index, jobs)
    with store.open(overwrite=overwrite, index=index):
        outcomes = prepare_videos(store, videos, jobs, ray=ray, started=started, advance=advance)
        store.finish(outcomes)
    return outcomes


def find_work(
    folder: Path, out: Path, options: Options, index: Path | None, jobs: int = 0, part: str = ""
) -> tuple[ProgressStore, list[RawVideo], Path | None]:
    """Check the options; return the folder to write, all videos, and the official index; raises like `prepare`."""
    options.check()
    if jobs < 0:
        raise UserError(f"--jobs {jobs} is not a number of processes; give 1 or more")
    store = ProgressStore(out, options, folder, part)
    return store, *_find_videos(folder, out, options, store.layout, index)


def prepare_videos(
    store: ProgressStore,  # open
    videos: Sequence[RawVideo],
    jobs: int,
    *,
    again: Callable[[RawVideo], bool] = lambda video: False,  # True to prepare a finished video again
    ray: str | None = None,  # address of a Ray cluster that runs the jobs in place of processes
    save: Callable[[RawVideo, Outcome], None] = lambda video, outcome: None,  # called for every video
    started: Callable[[int, int], None] = lambda total, finished: None,
    advance: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Prepare the videos that are not finished; return the outcomes of all in their order."""
    outcomes: dict[str, Outcome] = {}
    pending: list[Job] = []
    for video in videos:
        outcome = None if again(video) else store.finished(video)
        if outcome is None:
            pending.append(Job(video, store.options, store.staging_folder(len(pending))))
        else:
            outcomes[video.key] = outcome
            save(video, outcome)
    started(len(videos), len(outcomes))
    for job in pending:  # all before the first starts: old files of a failing video must not stay
        store.forget(job.video)
    one_thread = partial(torch.set_num_threads, 1)  # the processes already use all cores
    if ray is not None and pending:
        results = run_ray_jobs(run_job, pending, ray, one_thread)
    else:
        results = run_jobs(run_job, pending, jobs, one_thread)
    for job, result in results:
        outcome = _publish(store, job, result)
        outcomes[job.video.key] = outcome
        save(job.video, outcome)
        advance(outcome)
    return [outcomes[video.key] for video in videos]  # jobs finish in any order


def run_job(job: Job) -> Outcome:
    """Prepare one video in its staging folder; called in a worker process."""
    file = job.video.file
    job.staging.mkdir(parents=True, exist_ok=True)
    try:
        return prepare_video(job.video, job.options, job.staging)
    except UserError as error:
        return Outcome(file, str(error).removeprefix(f"{job.video.path}: "))
    except OSError as error:
        if error.errno in _FATAL:
            raise
        return Outcome(file, f"cannot be read ({error.strerror or error})")
    except Exception as error:  # a bug or unforeseen damage must not stop the other videos
        return Outcome(file, " ".join(f"unexpected {type(error).__name__}: {error}".split()))


def _find_videos(
    folder: Path, out: Path, options: Options, layout: Layout, index: Path | None
) -> tuple[list[RawVideo], Path | None]:
    if options.own:
        if index is not None:
            raise UserError(f"--index {index}: an index is written for own videos; --setting s4 or ms3 reads one")
        return find_own_videos(folder, options.split, out), None
    if index is not None and not index.is_file():
        raise UserError(f"--index {index} is not a file; name the official {layout.index_name}")
    if index is None:
        index = find_index(folder, layout)
    return find_benchmark_videos(folder, layout, read_index(index, layout.columns)), index


def _publish(store: ProgressStore, job: Job, result: Outcome | ProcessDied) -> Outcome:
    outcome = Outcome(job.video.file, _DIED) if isinstance(result, ProcessDied) else result
    if outcome.failed:
        shutil.rmtree(job.staging, ignore_errors=True)
    else:
        store.publish(job.video, job.staging, outcome)
    return outcome
