"""Run functions on a Ray cluster, with the interface of `avseg.utils.processes.run_jobs`."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from avseg.utils.errors import UserError
from avseg.utils.processes import ProcessDied

Job = TypeVar("Job")
Result = TypeVar("Result")

RAY_TRIES = 4  # of a job whose worker or machine dies
_IN_FLIGHT = 4  # jobs submitted per processor of the cluster, so that millions are not queued at once
_INHERITED = ("AVSEG_PLUGINS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # environment of the workers


def run_ray_jobs(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    address: str,
    begin: Callable[[], None] = lambda: None,
    *,
    gpus: float = 0,
) -> Iterator[tuple[Job, Result | ProcessDied]]:
    """Yield each job and its result as soon as it is finished, in any order; its exceptions are raised here.

    Workers start in the working folder of this process, so that relative paths mean the same. A job takes one
    processor and `gpus` GPUs. It is tried `RAY_TRIES` times if its worker dies, and is then `ProcessDied`.

    Args:
        function: can be pickled; avseg must be installed on every machine of the cluster.
        jobs: can be pickled; what they read and write must be on a file system that all machines share.
        address: "local" starts a cluster on this machine, "auto" finds a running one; else its HOST:PORT or ray://...
        begin: called before each job.
        gpus: of each job.

    Raises:
        UserError: Ray is not installed, there is no cluster, or it has no such GPUs.
    """
    ray = _import_ray()
    _connect(ray, address)
    try:
        resources = ray.cluster_resources()
        if gpus > resources.get("GPU", 0):
            raise UserError(f"--ray-gpus {gpus:g}: the cluster has {resources.get('GPU', 0):g} GPUs; give less")
        folder = Path.cwd()

        @ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RAY_TRIES - 1)  # type: ignore[untyped-decorator]
        def call(job: Job) -> Result:
            return _run_in(folder, begin, function, job)

        waiting = iter(jobs)
        running: dict[Any, Job] = {}
        for job in islice(waiting, _IN_FLIGHT * max(1, int(resources.get("CPU", 1)))):
            running[call.remote(job)] = job
        while running:
            finished, _ = ray.wait(list(running), num_returns=1)
            for reference in finished:
                job = running.pop(reference)
                for following in islice(waiting, 1):
                    running[call.remote(following)] = following
                yield job, _result(ray, reference)
    finally:
        ray.shutdown()


def _import_ray() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise UserError("--ray needs Ray: pip install 'avseg[ray]'") from error
    return ray


def _connect(ray: ModuleType, address: str) -> None:
    variables = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        # the dashboard and statistics of use are of no use here
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address=address,
            runtime_env={"env_vars": variables},
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            logging_level="WARNING",
        )
    except Exception as error:  # of many kinds, also a plain `Exception` when it does not start in time
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"--ray {address}: the cluster cannot be reached or started ({reason}); "
            "give HOST:PORT or auto, or local for this machine"
        ) from error


def _result(ray: ModuleType, reference: object) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # of the function
        raise error.cause from None
    except ray.exceptions.RayError:  # its worker or machine died, once more than it is retried
        return ProcessDied()


def _run_in(folder: Path, begin: Callable[[], None], function: Callable[[Job], Result], job: Job) -> Result:
    if Path.cwd() != folder:
        os.chdir(folder)
    begin()
    return function(job)
