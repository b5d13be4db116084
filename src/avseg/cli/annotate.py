"""`avseg annotate`: the mask annotation tool, on a page, by a plan, or as a converter."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avseg.annotate.project import Project
    from avseg.annotate.session import Session

# what draws masks, and what carries them on
_DRAW, _CARRY = ("sam", "sam2"), ("xmem",)
_BACKENDS = ("default", *_DRAW, *_CARRY)
# what the extra `annotate` brings, by the name to import
_EXTRA = ("cv2", "fastapi", "pycocotools", "uvicorn")

_EPILOG = """\
Opens a page on this machine: the waveform, the audible segments of each object and its masks on one time line. Points,
boxes and a brush make the mask of a frame, a propagation carries it through the segment, and what looks worst comes
first for review. Everything is saved as it is done, under FOLDER/.avseg; undo reaches back to the beginning.

backends: default needs no weights; sam and sam2 draw masks with Segment Anything (weights: a folder or a hub name),
xmem carries them on with XMem (weights: XMem.pth). The paper's tool is one of each.

examples:
  avseg annotate videos
  avseg annotate videos dog.mp4 --backend sam=models/sam-vit-base --backend xmem=XMem.pth
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
    told = f"{', '.join(_BACKENDS)}; one that draws and one that carries may be given (default: default)"
    add("--backend", action="append", metavar="NAME[=WEIGHTS]", help=told)
    add("--weights", metavar="PATH", help="a single backend's weights: a folder, a file or a hub name")
    add("--device", help="of the backends: cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
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

    from avseg.utils.errors import UserError

    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise UserError(f"the annotation tool needs {', '.join(missing)}: pip install 'avseg[annotate]'")
    arguments.weights = _weights(arguments.backend or ["default"], arguments.weights)
    if arguments.device is not None:
        from avseg.predict.device import find_device

        arguments.device = str(find_device(arguments.device))
    if not 0 <= arguments.port <= 65535:
        raise UserError(f"--port {arguments.port}: must lie between 0 and 65535")
    if (arguments.export is None) != (arguments.out is None):
        raise UserError("--export FORMAT and --out DIR belong together; give both")
    _check_formats(arguments)


def _check_formats(arguments: argparse.Namespace) -> None:
    """Once, and not for each video."""
    from importlib import import_module

    from avseg.utils.errors import UserError, nearest

    given = {"export": arguments.export, "importing": arguments.source and arguments.source[0]}
    for package, format in given.items():
        known: tuple[str, ...] = import_module(f"avseg.annotate.{package}").FORMATS if format is not None else ()
        if format is not None and format not in known:
            option = f"--{package.removesuffix('ing')} {format}"
            raise UserError(f"{option}: unknown; allowed: {', '.join(known)}{nearest(format, known)}")


def _weights(said: list[str], single: str | None) -> dict[str, str]:
    """The weights by backend, the default one left out.

    Args:
        said: what stands behind each `--backend`, NAME or NAME=WEIGHTS.
        single: what stands behind `--weights`, for one backend.
    """
    from avseg.utils.errors import UserError, nearest

    given = {name: weights for name, _, weights in (word.partition("=") for word in said)}
    for name in given:
        if name not in _BACKENDS:
            raise UserError(f"--backend {name}: unknown; use one of {', '.join(_BACKENDS)}{nearest(name, _BACKENDS)}")
    given.pop("default", None)
    for kind, does in ((_DRAW, "draw masks"), (_CARRY, "carry masks on")):
        if len(both := [name for name in given if name in kind]) > 1:
            raise UserError(f"--backend {' and '.join(both)}: both {does}; choose one")
    if single and len(given) != 1:
        whose = "the default backend has none; choose" if not given else "say whose they are:"
        raise UserError(f"--weights {single}: {whose} --backend sam=..., sam2=... or xmem=...")
    for name, weights in given.items():
        given[name] = weights or single or ""
        if not given[name]:
            raise UserError(f"--backend {name}: needs weights, as --backend {name}=PATH; see avseg annotate --help")
    return given


def _backends(arguments: argparse.Namespace) -> tuple[str, str]:
    """The names of what draws masks and of what carries them on."""
    draws = next((name for name in arguments.weights if name in _DRAW), "default")
    return draws, next((name for name in arguments.weights if name in _CARRY), "default")


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the backends are built with."""
    device = {} if arguments.device is None else {"device": arguments.device}
    return {"weights": arguments.weights, **device}


def _serve(project: "Project", arguments: argparse.Namespace) -> int:
    from avseg.annotate.server import serve

    draws, carries = _backends(arguments)
    try:
        serve(
            project,
            host=arguments.host,
            port=arguments.port,
            backend=draws,
            propagator=carries,
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
    from avseg.annotate.plan.run import run_plan

    done = run_plan(arguments.headless, project, lambda name: _session(project, name, arguments), print)
    print(f"{arguments.headless}: {done} steps done")


def _session(project: "Project", name: str, arguments: argparse.Namespace) -> "Session":
    from avseg.annotate.backends import backend_options, make_propagator, make_segmenter
    from avseg.annotate.session import Session

    (draws, carries), options = _backends(arguments), _options(arguments)
    segmenter = make_segmenter(draws, **backend_options(draws, options))
    propagator = make_propagator(carries, **backend_options(carries, options))
    return Session(project.open(name), project.film(name), segmenter, propagator)


def _import(project: "Project", name: str, format: str, source: str) -> str:
    from avseg.annotate.importing import import_

    document = project.open(name)
    with document.together("import"):
        done = import_(document, project.film(name), format, source)
    return f"{done.objects} objects, {done.segments} segments, {done.masks} masks from {source}"


def _export(project: "Project", name: str, arguments: argparse.Namespace) -> str:
    from avseg.annotate.export import export, missing_masks
    from avseg.annotate.plan.verbs import told

    out = arguments.out if len(project.names()) == 1 else arguments.out / Path(name).stem
    document, film = project.open(name), project.film(name)
    done = export(document, film, arguments.export, out, overwrite=arguments.overwrite)
    return f"{arguments.export} in {told(done, missing_masks(document, arguments.export))}"


def _for_each(project: "Project", do: Any) -> None:
    """Does something for each video; those that fail do not stop the others."""
    from avseg.utils.errors import UserError

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
