"""Prepares a folder of raw videos: finds them, shares them out to processes, and keeps what is finished."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from avseg.data.avsbench.index import read_index
from avseg.data.avsbench.layout import Layout
from avseg.data.prepare.options import Options
from avseg.data.prepare.pool import ProcessDied, run_jobs
from avseg.data.prepare.progress import Store
from avseg.data.prepare.result import Outcome
from avseg.data.prepare.sources import Source, benchmark_sources, find_index, own_sources
from avseg.data.prepare.video import prepare_video
from avseg.utils.errors import UserError

_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # every other video would fail by the same
_DIED = "the process that read it died (killed, crashed or out of memory); the same command again tries it anew"


class Job(NamedTuple):
    """A video to prepare, and where."""

    source: Source
    options: Options
    staging: Path


def prepare(
    folder: Path,
    out: Path,
    options: Options,
    *,
    index: Path | None = None,
    jobs: int = 0,
    overwrite: bool = False,
    started: Callable[[int, int], None] = lambda total, done: None,
    advance: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Makes a data set in the official layout out of raw videos; finished ones are not done again.

    Args:
        folder: holds the videos.
        out: stands for the root of the data set. It may hold masks already.
        options: see `Options`.
        index: AVSBench: the official index file; default: the one in the folder or above it.
        jobs: processes; 0 = in this one.
        overwrite: make everything again.
        started: called with the number of videos and how many of them are finished already.
        advance: called after each video.

    Returns:
        What became of each video, in the order of their names or of the index.

    Raises:
        UserError: a wrong option, nothing to prepare, other data in `out`. A video that fails raises nothing.
    """
    options.check()
    if jobs < 0:
        raise UserError(f"--jobs {jobs} is not a number of processes; give 1 or more")
    store = Store(out, options, folder)
    sources, index = _find(folder, out, options, store.layout, index)
    with store.opened(overwrite=overwrite, index=index):
        found = [(source, store.done(source)) for source in sources]
        outcomes = {source.key: outcome for source, outcome in found if outcome is not None}
        started(len(sources), len(outcomes))
        missing = [source for source in sources if source.key not in outcomes]
        work = [Job(source, options, store.staging(number)) for number, source in enumerate(missing)]
        for job in work:
            store.forget(job.source)
        for job, result in run_jobs(work_on, work, jobs, _one_thread):
            outcomes[job.source.key] = _keep(store, job, result)
            advance(outcomes[job.source.key])
        ordered = [outcomes[source.key] for source in sources]
        store.finish(ordered)
    return ordered


def work_on(job: Job) -> Outcome:
    """Prepares one video in its staging folder; runs in a process of the pool."""
    path = job.source.path
    job.staging.mkdir(parents=True, exist_ok=True)
    try:
        return prepare_video(job.source, job.options, job.staging)
    except UserError as error:
        return Outcome(job.source.file, str(error).removeprefix(f"{path}: "))
    except OSError as error:
        if error.errno in _FATAL:
            raise
        return Outcome(job.source.file, f"cannot be read ({error.strerror or error})")
    except Exception as error:  # a defect, or damage that no one foresaw; it costs this video only
        return Outcome(job.source.file, " ".join(f"unexpected {type(error).__name__}: {error}".split()))


def _one_thread() -> None:
    torch.set_num_threads(1)  # the processes share the processors already


def _find(
    folder: Path, out: Path, options: Options, layout: Layout, index: Path | None
) -> tuple[list[Source], Path | None]:
    if options.own:
        if index is not None:
            raise UserError(f"--index {index}: own videos get an index of their own; --setting s4 or ms3 reads one")
        return own_sources(folder, options.split, out), None
    if index is not None and not index.is_file():
        raise UserError(f"--index {index} is no file; name the official {layout.index_name}")
    if index is None:
        index = find_index(folder, layout)
    return benchmark_sources(folder, layout, read_index(index, layout.columns)), index


def _keep(store: Store, job: Job, result: Outcome | ProcessDied) -> Outcome:
    outcome = Outcome(job.source.file, _DIED) if isinstance(result, ProcessDied) else result
    if outcome.failed:
        shutil.rmtree(job.staging, ignore_errors=True)
    else:
        store.publish(job.source, job.staging, outcome)
    return outcome
