"""`avseg predict`: mark the sounding objects in videos."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from avseg.cli.data_common import check_not_folder, progress_bar
from avseg.cli.predict_inputs import Inputs, choose_folders, find_videos, has_results
from avseg.cli.predict_model import Options, load_predictor
from avseg.cli.predict_report import (
    print_kept,
    print_notes,
    print_others,
    print_predictions,
    raise_failures,
    write_json,
)
from avseg.cli.predict_video import (
    OpenVideo,
    VideoJob,
    VideoReport,
    open_video,
    predict_job,
    predict_video,
)
from avseg.cli.shards import read_shard
from avseg.utils.console import new_console
from avseg.utils.errors import UserError
from avseg.utils.files import remove_leftovers
from avseg.utils.names import printable
from avseg.utils.processes import ProcessDied
from avseg.utils.ray_jobs import RAY_TRIES, run_ray_jobs
from avseg.utils.shards import FOLDER, ShardReport, Work, merge_reports

Jobs = dict[str, VideoJob]  # by the path of the video
Reports = dict[str, VideoReport]  # the same
Save = Callable[[Reports], None]  # called with each finished part


def run(arguments: argparse.Namespace) -> int:
    """Predict all videos; those that fail do not stop the others, and are a `UserError` at the end."""
    _check(arguments)
    shard = read_shard(arguments, json=arguments.json)
    options = Options.from_arguments(arguments)
    inputs = find_videos(arguments.videos, arguments.out)
    jobs = _list_jobs(inputs, arguments)
    work = Work("predict", tuple(jobs), options.record())
    folder = arguments.reports or arguments.out / FOLDER
    if arguments.merge:
        merged = merge_reports(folder, work, VideoReport)
        print_kept(merged)
        for report in merged:
            print_notes(report)
        reports = dict(zip(jobs, merged, strict=True))
    elif shard is not None:
        reports = _predict_shard(ShardReport(folder, work, shard, VideoReport), jobs, arguments, options)
        print(f"shard {shard}: {len(reports)} of {len(jobs)} videos")
    else:
        previous = {} if arguments.overwrite else _existing(jobs)
        reports = _predict(jobs, previous, options, arguments)
    in_order = [reports[key] for key in jobs if key in reports]
    print_predictions(in_order)
    if shard is None:
        print_others(inputs.others)
    if arguments.json is not None:
        write_json(arguments.json, in_order)
    raise_failures(in_order)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    rate = arguments.rate
    if rate is not None and not 0 < rate < float("inf"):
        raise UserError(f"--rate {rate:g}: must be above 0 frames per second")
    if rate is not None and arguments.every_frame:
        raise UserError(f"--rate {rate:g} and --every-frame contradict each other; use one of them")
    if arguments.threshold is not None and not 0 < arguments.threshold < 1:
        raise UserError(f"--threshold {arguments.threshold}: must be between 0 and 1")
    if arguments.batch is not None and arguments.batch < 1:
        raise UserError(f"--batch {arguments.batch}: must be at least 1")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise UserError(f"--out {arguments.out}: is a file; use a folder")
    check_not_folder("--json", arguments.json, "file")
    if not 0 <= arguments.ray_gpus < float("inf"):
        raise UserError(f"--ray-gpus {arguments.ray_gpus:g}: must be 0 or more")
    if arguments.ray_gpus and arguments.ray is None:
        raise UserError(f"--ray-gpus {arguments.ray_gpus:g}: is for --ray ADDRESS; add it, or leave it out")


def _list_jobs(inputs: Inputs, arguments: argparse.Namespace) -> Jobs:
    """List what the user named, in this order, also what cannot be predicted."""
    failures = dict(inputs.failures)
    # merging needs no folders; to choose them all results are looked into
    folders = {} if arguments.merge else choose_folders(inputs.videos, arguments.out, failures)
    jobs: Jobs = {}
    for path in (*inputs.videos, *inputs.failures):
        jobs[str(path)] = VideoJob(path, folders.get(path, arguments.out), failures.get(path, ""))
    return jobs


def _existing(jobs: Jobs) -> Reports:
    return {key: job.kept() for key, job in jobs.items() if not job.failure and has_results(job.folder)}


def _predict_shard(
    report: ShardReport[VideoReport], jobs: Jobs, arguments: argparse.Namespace, options: Options
) -> Reports:
    """Predict the videos of a shard that an earlier command did not finish."""
    shard_jobs = {key: job for key, job in jobs.items() if key in report.keys}
    is_new = not report.path.is_file()
    with report.open(overwrite=arguments.overwrite) as earlier:
        if is_new and not arguments.overwrite:
            previous = _existing(shard_jobs)
            report.add(previous)
        else:
            # results without a line in the report are those of a video at whose end the command was killed
            previous = {
                key: item for key, item in earlier.items() if not item.failure and has_results(shard_jobs[key].folder)
            }
        remove_leftovers([job.folder for key, job in shard_jobs.items() if key not in previous])
        return _predict(shard_jobs, previous, options, arguments, report.add)


def _predict(
    jobs: Jobs, known: Reports, options: Options, arguments: argparse.Namespace, save: Save = lambda reports: None
) -> Reports:
    """Predict the videos that are not known yet under a progress bar."""
    print_kept(list(known.values()))
    reports = dict(known)
    if arguments.ray is not None:
        pending = {key: job for key, job in jobs.items() if key not in known}
        for key, report in _predict_on_ray(pending, options, arguments):
            reports[key] = report
            save({key: report})
        return reports
    opened: dict[str, OpenVideo] = {}
    for key, job in jobs.items():
        if key not in known:
            video = open_video(job, options)  # before the model is loaded, which takes seconds
            if isinstance(video, OpenVideo):
                opened[key] = video
            else:
                reports[key] = video
                save({key: video})
    if opened:
        _predict_here(opened, options, reports, save)
    return reports


def _predict_on_ray(jobs: Jobs, options: Options, arguments: argparse.Namespace) -> Iterator[tuple[str, VideoReport]]:
    """Predict the videos on a cluster; yield their reports as they finish."""
    if not jobs:
        return
    run_one = partial(predict_job, options)
    with progress_bar("predicting", new_console()) as progress:
        line = progress.add_task("", total=len(jobs))
        for job, result in run_ray_jobs(run_one, list(jobs.values()), arguments.ray, gpus=arguments.ray_gpus):
            if isinstance(result, ProcessDied):
                result = job.failed(f"{job.path}: its worker died {RAY_TRIES} times (killed, crashed or out of memory)")
            progress.advance(line)
            for note in result.notes:
                print(f"{result.video}: {note}")
            yield str(job.path), result
    remove_leftovers([job.folder for job in jobs.values()])  # of workers that died


def _predict_here(opened: Mapping[str, OpenVideo], options: Options, reports: Reports, save: Save) -> None:
    model = load_predictor(options)
    for item in opened.values():
        for note in item.notes():
            print(f"{printable(item.job.path)}: {note}")
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("s"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}", markup=False), *columns) as progress:
        for key, item in opened.items():
            line = progress.add_task(printable(item.job.path.name), total=item.video.seconds)
            reports[key] = predict_video(item, model, options, lambda line=line: progress.advance(line))  # type: ignore[misc]
            save({key: reports[key]})
