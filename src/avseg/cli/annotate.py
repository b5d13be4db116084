"""`avseg annotate`: run the mask annotation tool on a page, by a plan, or as a converter."""

import argparse
import importlib.util
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from avseg.annotate.backends import backend_options, make_propagator, make_segmenter
from avseg.annotate.backends.offers import automatic_weights, cached_weights, is_fetched, isnet_file
from avseg.annotate.dataset.tables import (
    agreement_rows,
    agreement_table,
    cost_table,
    quality_table,
    summary_line,
    to_csv,
)
from avseg.annotate.export import FORMATS as EXPORT_FORMATS
from avseg.annotate.export import export, missing_masks
from avseg.annotate.importing import FORMATS as IMPORT_FORMATS
from avseg.annotate.importing import import_
from avseg.annotate.media.video import open_reader
from avseg.annotate.plan.run import run_plan
from avseg.annotate.project import Project
from avseg.annotate.quality.decisions import quality_line
from avseg.annotate.session import Session
from avseg.cli.arguments.annotate import BACKENDS, PROPAGATORS, SEGMENTERS, WITHOUT_WEIGHTS
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError
from avseg.utils.names import printable

MERGED_FORMATS = ("lu_avs", "avsbench", "coco")
# packages of the extra `annotate`, by the name to import
_EXTRA = ("cv2", "fastapi", "pycocotools", "uvicorn")


def run(arguments: argparse.Namespace) -> int:
    """Import, run a plan and export as requested; without any of them serve the page until it is interrupted."""
    _check(arguments)
    reader = partial(open_reader, audio_track=arguments.audio_track)
    with Project(arguments.folder, tuple(arguments.videos), reader, arguments.annotator) as project:
        if arguments.cost or arguments.quality or arguments.agreement:
            return _print_table(project, arguments)
        if not (arguments.source or arguments.headless or arguments.export):
            return _serve(project, arguments)
        if arguments.source:
            _for_each_video(project, lambda name: _import(project, name, *arguments.source))
        if arguments.headless:
            done = run_plan(arguments.headless, project, lambda name: _session(project, name, arguments), _print)
            print(f"{arguments.headless}: {done} steps done")
        if arguments.export and arguments.merge:
            _export_merged(project, arguments)
        elif arguments.export:
            _for_each_video(project, lambda name: _export(project, name, arguments))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"the annotation tool needs {', '.join(missing)}: pip install 'avseg[annotate]'")
    if arguments.backend or arguments.weights:
        arguments.weights = _parse_backends(arguments.backend or [], arguments.weights)
    else:
        arguments.weights = automatic_weights(_has_gpu)
    if arguments.device is not None:
        # imports torch, which takes seconds and which the default backends do not need
        arguments.device = str(import_module("avseg.prediction.device").find_device(arguments.device))
    if arguments.audio_branch is not None and not arguments.audio_branch.exists():
        raise UserError(f"--audio-branch {arguments.audio_branch}: does not exist; give a run of model=lu_avs_audio")
    if not 0 <= arguments.port <= 65535:
        raise UserError(f"--port {arguments.port}: must be between 0 and 65535")
    if (arguments.export is None) != (arguments.out is None):
        raise UserError("--export FORMAT and --out DIR belong together; give both")
    # checked here, so that a wrong format is reported once and not for each video
    if arguments.export is not None:
        check_choice("--export", arguments.export, EXPORT_FORMATS)
    if arguments.merge:
        check_choice("--export with --merge", arguments.export or "", MERGED_FORMATS)
    if arguments.source is not None:
        check_choice("--import", arguments.source[0], IMPORT_FORMATS)


def _parse_backends(backends: list[str], single: str | None) -> dict[str, str]:
    """Return the weights by backend, without the default one; the backends are NAME or NAME=WEIGHTS."""
    weights: dict[str, str] = {}  # a path by backend
    for value in backends:
        name, _, path = value.partition("=")
        check_choice("--backend", name, BACKENDS)
        if path and name in WITHOUT_WEIGHTS:
            raise UserError(f"--backend {value}: {name} takes no weights; give --backend {name}")
        if name not in ("default", "light"):
            weights[name] = path
    for group, task in ((SEGMENTERS, "draw masks"), (PROPAGATORS, "propagate masks")):
        rivals = [name for name in weights if name in group]
        if len(rivals) > 1:
            raise UserError(f"--backend {' and '.join(rivals)}: both {task}; choose one")
    with_weights = [name for name in weights if name not in WITHOUT_WEIGHTS]
    if single and len(with_weights) != 1:
        reason = "name its backend:" if with_weights else "the default backend has none; choose"
        raise UserError(f"--weights {single}: {reason} --backend sam=..., sam2=... or xmem=...")
    for name in with_weights:
        weights[name] = weights[name] or single or (cached_weights(name) if is_fetched(name) else "")
        if not weights[name] and name == "isnet":
            raise UserError(f"--backend isnet: give its file, as --backend isnet=FILE, or put it at {isnet_file()}")
        if not weights[name]:
            raise UserError(
                f"--backend {name}: needs weights, as --backend {name}=PATH, or fetch them: avseg weights fetch {name}"
            )
    return weights


def _backend(arguments: argparse.Namespace, names: tuple[str, ...]) -> str:
    """Return the chosen one of a group of backends."""
    for name in arguments.weights:
        if name in names:
            return str(name)
    return "default"


def _has_gpu() -> bool:
    torch: Any = import_module("torch")
    return bool(torch.cuda.is_available())


def _options(arguments: argparse.Namespace) -> dict[str, object]:
    options: dict[str, object] = {"weights": arguments.weights}
    if arguments.device is not None:
        options["device"] = arguments.device
    return options


def _serve(project: Project, arguments: argparse.Namespace) -> int:
    # imports the web framework, which plans, imports and exports do not need
    serve: Callable[..., None] = import_module("avseg.annotate.server").serve
    try:
        serve(
            project,
            host=arguments.host,
            port=arguments.port,
            backend=_backend(arguments, SEGMENTERS),
            propagator=_backend(arguments, PROPAGATORS),
            video=arguments.videos[0] if arguments.videos else None,
            open_browser=not arguments.no_browser,
            audio_branch=arguments.audio_branch,
            **_options(arguments),
        )
    except KeyboardInterrupt:
        print("\nstopped; everything is saved, the same command continues")
        return 130
    return 0


def _session(project: Project, name: str, arguments: argparse.Namespace) -> Session:
    options = _options(arguments)
    segmenter, propagator = _backend(arguments, SEGMENTERS), _backend(arguments, PROPAGATORS)
    return Session(
        project.open(name),
        project.video(name),
        make_segmenter(segmenter, **backend_options(segmenter, options)),
        make_propagator(propagator, **backend_options(propagator, options)),
    )


def _import(project: Project, name: str, format: str, source: str) -> str:
    document = project.open(name)
    with document.transaction("import"):
        added = import_(document, project.video(name), format, source)
    return f"{added.objects} objects, {added.segments} segments, {added.masks} masks from {source}"


def _export(project: Project, name: str, arguments: argparse.Namespace) -> str:
    out = arguments.out if len(project.names()) == 1 else arguments.out / Path(name).stem
    document = project.open(name)
    path = export(document, project.video(name), arguments.export, out, overwrite=arguments.overwrite)
    remark = missing_masks(document, arguments.export)
    return f"{arguments.export} in {path}" + (f" ({remark})" if remark else "")


def _export_merged(project: Project, arguments: argparse.Namespace) -> None:
    """Name what is missing or stale, then write one data set of all videos."""
    dataset = import_module("avseg.annotate.dataset.project_export")  # imports torch
    for check in dataset.check_project(project, arguments.export):
        if check.remark:
            _print(f"{check.name}: {check.remark}")
    result = dataset.export_project(project, arguments.export, arguments.out, overwrite=arguments.overwrite)
    for split, names in result.videos.items():
        print(f"{split}: {len(names)} videos")
    for name, reason in result.left_out.items():
        _print(f"left out: {name} ({reason})")
    _print(f"{arguments.export} in {result.path}")


def _print_table(project: Project, arguments: argparse.Namespace) -> int:
    if arguments.cost:
        print(to_csv(cost_table(project)), end="")
    if arguments.quality:
        counts = quality_table(project)
        print(to_csv(counts) + quality_line(counts))
    if arguments.agreement:
        rows = agreement_table(project, *arguments.agreement)
        print(to_csv(agreement_rows(rows)) + summary_line(rows))
    return 0


def _print(text: str) -> None:
    """Print a message that may contain any file name, on one line."""
    print(printable(text))


def _for_each_video(project: Project, work: Callable[[str], str]) -> None:
    # one that fails does not stop the others
    failures = []  # messages, with the name of the video
    names = project.names()
    for name in names:
        try:
            _print(f"{name}: {work(name)}")
        except UserError as error:
            failures.append(str(error) if name in str(error) else f"{name}: {error}")
    if failures and len(names) == 1:
        raise UserError(failures[0])
    if failures:
        raise UserError(f"{len(failures)} of {len(names)} videos failed: " + "; ".join(failures))
