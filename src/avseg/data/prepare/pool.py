"""Runs jobs in several processes, one job in each at a time, so that a process that dies costs its own job only."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class ProcessDied(Exception):
    """The process of a job was killed or crashed."""


def run_jobs(
    function: Callable[[Job], Result], jobs: Sequence[Job], processes: int, begin: Callable[[], None] | None = None
) -> Iterator[tuple[Job, Result | ProcessDied]]:
    """Gives each job's result as soon as it is there.

    A single pool would break as a whole when one of its processes dies, without saying over which job; here each
    process is a pool of its own, and a new one takes the place of one that died.

    Args:
        function: top-level, since processes are spawned; what it raises is raised here.
        jobs: its arguments.
        processes: how many at a time; 0 = in this process, one after the other.
        begin: called once in each process.
    """
    if processes == 0:
        yield from ((job, function(job)) for job in jobs)
        return
    waiting = list(reversed(jobs))
    idle = [_new_process(begin) for _ in range(min(processes, len(jobs)))]
    running: dict[Future[Result], tuple[ProcessPoolExecutor, Job]] = {}
    try:
        while waiting or running:
            while waiting and idle:
                process, job = idle.pop(), waiting.pop()
                running[process.submit(function, job)] = (process, job)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                process, job = running.pop(future)
                try:
                    result: Result | ProcessDied = future.result()
                except BrokenProcessPool:
                    process.shutdown()
                    process, result = _new_process(begin), ProcessDied()
                idle.append(process)
                yield job, result
    finally:
        for process in [*idle, *(process for process, _ in running.values())]:
            process.shutdown(wait=False, cancel_futures=True)


def _new_process(begin: Callable[[], None] | None) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(begin,))


def _begin(begin: Callable[[], None] | None) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once and silently
    if begin is not None:
        begin()


def _end_with_parent() -> None:
    """A parent that is killed cannot end its processes, and each would wait for it for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
