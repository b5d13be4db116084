"""`avseg annotate`: the mask annotation tool, on a page, by a plan, or as a converter."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avseg.annotate.project import Project
    from avseg.annotate.session import Session

_BACKENDS = ("default", "sam", "sam2", "xmem")
# what the extra `annotate` brings, by the name to import
_EXTRA = ("cv2", "fastapi", "pycocotools", "uvicorn")

_EPILOG = """\
Opens a page on this machine: the waveform, the audible segments of each object and its masks on one time line. Points,
boxes and a brush make the mask of a frame, a propagation carries it through the segment, and what looks worst comes
first for review. Everything is saved as it is done, under FOLDER/.avseg; undo reaches back to the beginning.

backends: default needs no weights; sam and sam2 draw masks with Segment Anything (--weights: a folder or a hub name),
xmem carries them with XMem (--weights: XMem.pth).

examples:
  avseg annotate videos
  avseg annotate videos dog.mp4 --backend sam --weights models/sam-vit-base
  avseg annotate videos --headless plan.yaml
  avseg annotate videos dog.mp4 --export lu_avs --out exports/dog
  avseg annotate videos --import lu_avs data/lu_avs

a plan, each step an operation; run again, it does nothing twice:
  - video: dog.mp4
  - add_object: {label: dog}
  - propose: {object: 1}
  - click: {object: 1, frame: 30, points: [[120, 80, 1], [10, 10, 0]]}
  - propagate: {segment: 1}
  - accept: {segment: 1}
  - export: {format: lu_avs, out: "exports/{video}"}
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "annotate",
        help="mark by hand what sounds: the mask annotation tool",
        description="Marks by hand what sounds where and when: the mask annotation tool.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="the folder of videos")
    add("videos", nargs="*", metavar="VIDEO", help="names of videos in it (default: all)")
    add("--host", default="127.0.0.1", help="where to listen (default: 127.0.0.1, this machine alone)")
    add("--port", type=int, default=0, help="0 takes any that is free (default: 0)")
    add("--no-browser", action="store_true", help="only print the address")
    add("--backend", default="default", metavar="NAME", help=f"{', '.join(_BACKENDS)} (default: default)")
    add("--weights", metavar="PATH", help="the backend's weights: a folder, a file or a hub name")
    add("--device", help="of the backend: cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    add("--headless", type=Path, metavar="PLAN", help="do what a yaml file says, without a page")
    add("--import", nargs=2, dest="source", metavar=("FORMAT", "SOURCE"), help="add the annotations of a data set")
    add("--export", metavar="FORMAT", help="lu_avs, avsbench, coco, png, csv or eaf; needs --out")
    add("--out", type=Path, metavar="DIR", help="where the export goes; of several videos a folder for each")
    add("--overwrite", action="store_true", help="export over what is in --out")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Imports, follows a plan and exports, if that is asked for; else serves the page until it is interrupted."""
    _check(arguments)
    from avseg.annotate.project import Project

    with Project(arguments.folder, tuple(arguments.videos)) as project:
        if arguments.source or arguments.headless or arguments.export:
            _work(project, arguments)
            return 0
        return _serve(project, arguments)


def _check(arguments: argparse.Namespace) -> None:
    from importlib.util import find_spec

    from avseg.errors import UserError, nearest

    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise UserError(f"the annotation tool needs {', '.join(missing)}: pip install 'avseg[annotate]'")
    if arguments.backend not in _BACKENDS:
        hint = nearest(arguments.backend, _BACKENDS)
        raise UserError(f"--backend {arguments.backend}: unknown; use one of {', '.join(_BACKENDS)}{hint}")
    if arguments.backend == "default" and arguments.weights:
        raise UserError("--weights: the default backend has none; choose --backend sam, sam2 or xmem")
    if arguments.backend != "default" and not arguments.weights:
        raise UserError(f"--backend {arguments.backend}: needs --weights, see avseg annotate --help")
    if not 0 <= arguments.port <= 65535:
        raise UserError(f"--port {arguments.port}: must lie between 0 and 65535")
    if (arguments.export is None) != (arguments.out is None):
        raise UserError("--export FORMAT and --out DIR belong together; give both")


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the backend is built with."""
    given = {"weights": arguments.weights, "device": arguments.device}
    return {} if arguments.backend == "default" else {key: value for key, value in given.items() if value is not None}


def _serve(project: "Project", arguments: argparse.Namespace) -> int:
    from avseg.annotate.server import serve

    try:
        serve(
            project,
            host=arguments.host,
            port=arguments.port,
            backend=arguments.backend,
            video=arguments.videos[0] if arguments.videos else None,
            open_browser=not arguments.no_browser,
            **_options(arguments),
        )
    except KeyboardInterrupt:
        print("\nstopped; everything is saved, the same command again continues")
        return 130
    return 0


def _work(project: "Project", arguments: argparse.Namespace) -> None:
    if arguments.source:
        _for_each(project, lambda name: _import(project, name, *arguments.source))
    if arguments.headless:
        _follow(project, arguments)
    if arguments.export:
        _for_each(project, lambda name: _export(project, name, arguments))


def _follow(project: "Project", arguments: argparse.Namespace) -> None:
    from avseg.annotate.plan import run_plan

    done = run_plan(arguments.headless, project, lambda name: _session(project, name, arguments), print)
    print(f"{arguments.headless}: {done} steps done")


def _session(project: "Project", name: str, arguments: argparse.Namespace) -> "Session":
    from avseg.annotate.backends import PROPAGATORS, SEGMENTERS, make_propagator, make_segmenter
    from avseg.annotate.session import Session

    backend, options = arguments.backend, _options(arguments)
    segmenter = make_segmenter(backend, **options) if backend in SEGMENTERS else make_segmenter()
    propagator = make_propagator(backend, **options) if backend in PROPAGATORS else make_propagator()
    return Session(project.open(name), project.film(name), segmenter, propagator)


def _import(project: "Project", name: str, format: str, source: str) -> str:
    from avseg.annotate.importing import import_

    document = project.open(name)
    with document.together("import"):
        done = import_(document, project.film(name), format, source)
    return f"{done.objects} objects, {done.segments} segments, {done.masks} masks from {source}"


def _export(project: "Project", name: str, arguments: argparse.Namespace) -> str:
    from avseg.annotate.export import export

    out = arguments.out if len(project.names()) == 1 else arguments.out / Path(name).stem
    document, film = project.open(name), project.film(name)
    return f"{arguments.export} in {export(document, film, arguments.export, out, overwrite=arguments.overwrite)}"


def _for_each(project: "Project", do: Any) -> None:
    """Does something for each video; those that fail do not stop the others."""
    from avseg.errors import UserError

    failures = []
    names = project.names()
    for name in names:
        try:
            print(f"{name}: {do(name)}")
        except UserError as error:
            failures.append(str(error) if name in str(error) else f"{name}: {error}")
    if failures and len(names) == 1:
        raise UserError(failures[0])
    if failures:
        raise UserError(f"{len(failures)} of {len(names)} videos failed: " + "; ".join(failures))
