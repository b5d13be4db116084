"""Run functions in several processes; a process that dies costs only its own job."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from operator import itemgetter
from typing import TypeVar

from avseg.utils.errors import UserError

Job = TypeVar("Job")
Result = TypeVar("Result")

_MAX_CHUNK = 32  # items per message to a process


class ProcessDied(Exception):
    """The process of a job was killed or crashed."""


def usable_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(
    function: Callable[[Job], Result], jobs: Sequence[Job], processes: int, begin: Callable[[], None] | None = None
) -> Iterator[tuple[Job, Result | ProcessDied]]:
    """Yield each job and its result as soon as it is finished, in any order.

    A single pool would break as a whole when one of its processes dies, without naming the job. Here each process is
    a pool of its own, which calls `begin` first, and is replaced when it dies. With 0 processes the jobs run here, in
    order. The function must be top-level, since processes are spawned; its exceptions are raised here.
    """
    if processes == 0:
        for job in jobs:
            yield job, function(job)
        return
    waiting = list(reversed(jobs))  # popped from the end
    idle = [_new_process(begin) for _ in range(min(processes, len(jobs)))]
    running: dict[Future[Result], tuple[ProcessPoolExecutor, Job]] = {}
    try:
        while waiting or running:
            while waiting and idle:
                process = idle.pop()
                job = waiting.pop()
                running[process.submit(function, job)] = (process, job)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                process, job = running.pop(future)
                result: Result | ProcessDied
                try:
                    result = future.result()
                except BrokenProcessPool:
                    process.shutdown()
                    process = _new_process(begin)
                    result = ProcessDied()
                idle.append(process)
                yield job, result
    finally:
        for process in (*idle, *map(itemgetter(0), running.values())):
            process.shutdown(wait=False, cancel_futures=True)


def map_in_order(
    function: Callable[[Job], Result], items: Sequence[Job], processes: int, min_items: int = 500
) -> Iterator[Result]:
    """Yield the results of a top-level function, or of a `functools.partial` of one, in the order of the items.

    With fewer than 2 processes, or few items for each, it runs in this process. A killed process is a `UserError`.
    """
    processes = min(processes, len(items) // min_items)
    if processes < 2:
        yield from map(function, items)
        return
    # at least four chunks per process balance the load
    size = max(1, min(_MAX_CHUNK, len(items) // (4 * processes)))
    chunks = [(start, items[start : start + size]) for start in range(0, len(items), size)]
    finished: dict[int, list[Result]] = {}
    position = 0
    for (start, _), results in run_jobs(partial(_run_chunk, function), chunks, processes):
        if isinstance(results, ProcessDied):
            raise UserError("a worker process was killed (out of memory?); run again with --jobs 1")
        # chunks finish in any order
        finished[start] = results
        while position in finished:
            yield from finished.pop(position)
            position += size


def _run_chunk(function: Callable[[Job], Result], chunk: tuple[int, Sequence[Job]]) -> list[Result]:
    return list(map(function, chunk[1]))


def _new_process(begin: Callable[[], None] | None) -> ProcessPoolExecutor:
    # spawned, not forked: other threads, such as a progress bar's, may hold locks
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(begin,))


def _begin(begin: Callable[[], None] | None) -> None:
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once, without a traceback
    if begin is not None:
        begin()


def _exit_with_parent() -> None:
    # without its parent, which may be killed, the process would wait for the next job forever
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
