"""`avseg data`: makes data sets in the official layout."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from avseg.cli.data_check import add_parsers as add_checks
from avseg.cli.data_pack import add_pack, run_pack
from avseg.cli.data_prepare import add_prepare, run_prepare
from avseg.cli.synth_lu_avs import make_films

if TYPE_CHECKING:
    from avseg.data.synthetic.generate import Cast, ClipRecipe
    from avseg.data.synthetic.oracle import BlindScores
    from avseg.data.synthetic.schedule import ScriptRules

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_EPILOG = """\
examples:
  avseg data toy --out data/toy --setting ms3 --train 200 --val 40 --test 40
  avseg data toy --out data/toy_lu_avs --setting lu_avs --train 30 --val 8 --test 8
  avseg data cutouts --out data/cutouts
  avseg data compose --cutouts data/cutouts --out data/composed --setting ms3 --size 96
  avseg data prepare my_videos --out data/mine
  avseg data pack data/toy --setting ms3 --size 64
  avseg data check data/AVSBench
  avseg data stats data/toy --picture toy.png
  avseg data help
"""
_TOY_EPILOG = """\
example:
  avseg data toy --out data/toy --setting ms3 --sounding second --train 400 --val 50 --test 50
  avseg train data=avsbench_ms3 data.root=data/toy
"""
_COMPOSE_EPILOG = """\
each cut-out is a pair of files of the same stem: X.png with an alpha channel and X.wav, X.ogg or X.flac.
example:
  avseg data compose --cutouts data/cutouts --out data/composed --setting ms3 --classes dog violin owl
"""
_CUTOUTS_EPILOG = """\
the art is under GPL-2 and stays out of the repository. Needs apt-get (Debian, Ubuntu) or the package file.
example:
  avseg data cutouts --out data/cutouts --deb tuxpaint-stamps-default_2022.06.04-1_all.deb
"""


# what is not an option of the clips, or one of long videos alone
_NOT_RECORDED = ("run", "verb", "out", "seconds", "hard")


def add_parser(commands: Commands) -> None:
    """Adds the verb `data` with its subverbs."""
    parser = _parser(commands, "data", "make data sets: toy, compose, cutouts, prepare, pack; check them", _EPILOG)
    subverbs = parser.add_subparsers(dest="subverb", metavar="SUBVERB", required=True)
    _add_toy(subverbs)
    _add_compose(subverbs)
    _add_cutouts(subverbs)
    add_prepare(subverbs)
    add_pack(subverbs)
    add_checks(subverbs)  # they bring their own `run`
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the subverb; returns the exit code."""
    makers = {
        "toy": _make_toy,
        "compose": _make_composed,
        "cutouts": _obtain_cutouts,
        "prepare": run_prepare,
        "pack": run_pack,
    }
    return makers[arguments.subverb](arguments) or 0


def _parser(commands: Commands, name: str, text: str, epilog: str) -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(name, help=text, description=text, epilog=epilog, formatter_class=shape)


def _add_toy(subverbs: Commands) -> None:
    parser = _parser(subverbs, "toy", "coloured shapes that sound; seconds to make", _TOY_EPILOG)
    _add_common(parser, size=64)
    parser.add_argument("--kinds", type=int, default=8, help="kinds of objects, 6 to 12; default: 8")


def _add_compose(subverbs: Commands) -> None:
    text = "cut-out pictures with sound files, moving over backgrounds"
    parser = _parser(subverbs, "compose", text, _COMPOSE_EPILOG)
    parser.add_argument("--cutouts", type=Path, required=True, help="folder of cut-outs and sounds")
    _add_common(parser, size=224)
    parser.add_argument("--backgrounds", type=Path, help="folder of photos; default: drawn backgrounds")
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="use only these classes")
    text = "share of the classes that only the test split shows; default: 0"
    parser.add_argument("--held-out", type=float, default=0.0, metavar="SHARE", help=text)


def _add_cutouts(subverbs: Commands) -> None:
    text = "obtain about 75 real cut-outs with real sounds (160 MB)"
    parser = _parser(subverbs, "cutouts", text, _CUTOUTS_EPILOG)
    parser.add_argument("--out", type=Path, required=True, help="where the pairs go; must be new or empty")
    parser.add_argument("--deb", type=Path, help="the package file, if it is there already")


def _add_common(parser: argparse.ArgumentParser, size: int) -> None:
    parser.add_argument("--out", type=Path, required=True, help="where the set goes; must be new or empty")
    parser.add_argument("--setting", choices=("s4", "ms3", "avss", "lu_avs"), default="ms3", help="default: ms3")
    text = "lu_avs: shortest and longest video; default: 10 20"
    parser.add_argument("--seconds", type=float, nargs=2, default=[10.0, 20.0], metavar=("MIN", "MAX"), help=text)
    text = "lu_avs: videos with boxes alone; default: 0.2"
    parser.add_argument("--hard", type=float, default=0.2, metavar="SHARE", help=text)
    text = "not lu_avs: who sounds stays over the clip, or changes each second; default: clip"
    parser.add_argument("--sounding", choices=("clip", "second"), default="clip", help=text)
    text = f"side of the frames in pixels, of lu_avs the shorter; default: {size}"
    parser.add_argument("--size", type=int, default=size, help=text)
    for split, count in (("train", 200), ("val", 40), ("test", 40)):
        parser.add_argument(f"--{split}", type=int, default=count, metavar="N", help=f"clips; default: {count}")
    parser.add_argument("--frames", type=int, default=5, help="per clip: 5, or 10 for avss; default: 5")
    parser.add_argument("--silent-clips", type=float, default=0.04, metavar="P", help="probability; default: 0.04")
    parser.add_argument("--silent-seconds", type=float, default=0.1, metavar="P", help="probability; default: 0.1")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")


def _make_toy(arguments: argparse.Namespace) -> None:
    from avseg.data.synthetic.generate import ClipRecipe
    from avseg.data.synthetic.toy import ToyCast

    cast = ToyCast(arguments.kinds)
    if arguments.setting == "lu_avs":
        return make_films(arguments, cast)
    _make(arguments, ClipRecipe(cast, _rules(arguments), arguments.size, arguments.frames, arguments.seed))


def _make_composed(arguments: argparse.Namespace) -> None:
    from avseg.data.synthetic.background import draw_background, photo_background
    from avseg.data.synthetic.composer import CutoutCast
    from avseg.data.synthetic.generate import ClipRecipe

    cast: Cast = CutoutCast(arguments.cutouts, arguments.classes, arguments.held_out, arguments.seed)
    background = photo_background(arguments.backgrounds) if arguments.backgrounds else draw_background
    if arguments.setting == "lu_avs":
        return make_films(arguments, cast, object_sizes=(0.25, 0.45), background=background)
    recipe = ClipRecipe(
        cast,
        _rules(arguments),
        arguments.size,
        arguments.frames,
        arguments.seed,
        object_sizes=(0.35, 0.6),
        background=background,
    )
    _make(arguments, recipe)


def _obtain_cutouts(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from avseg.data.synthetic.cutouts import obtain_cutouts

    console = Console()
    with console.status("fetching and unpacking the cut-outs"):
        classes = obtain_cutouts(arguments.out, arguments.deb)
    pictures = sum(len(stems) for stems in classes.values())
    console.print(f"{pictures} cut-outs of {len(classes)} classes in {arguments.out} (GPL-2: do not commit them)")


def _rules(arguments: argparse.Namespace) -> "ScriptRules":
    from avseg.data.synthetic.schedule import ScriptRules

    return ScriptRules(arguments.setting, arguments.sounding, arguments.silent_clips, arguments.silent_seconds)


def _make(arguments: argparse.Namespace, recipe: "ClipRecipe") -> None:
    """Writes the set under a progress bar and prints what can be reached without hearing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from avseg.data.avsbench.writer import write_set

    counts = {split: getattr(arguments, split) for split in ("train", "val", "test")}
    options = {name: _plain(value) for name, value in vars(arguments).items() if name not in _NOT_RECORDED}
    console = Console()
    columns = (TextColumn("making clips"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=sum(counts.values()))
        scores = write_set(arguments.out, recipe, counts, options, lambda: progress.advance(task))
    _print_scores(console, scores, counts)
    console.print(f"written: {arguments.out} (who sounds when: events.csv; this table: oracle.json)")


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _print_scores(console: object, scores: "dict[str, BlindScores]", counts: dict[str, int]) -> None:
    from rich.console import Console
    from rich.table import Table

    assert isinstance(console, Console)
    table = Table(title="mIoU that can be reached without hearing (%)")
    for column in ("split", "clips", "frames", "silent", "oracle", "drawn", "all", "biggest", "none"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for split, score in scores.items():
        shares = (score.silent_share, score.oracle, score.oracle_drawn, score.everything, score.biggest, score.nothing)
        table.add_row(split, str(counts[split]), str(score.frames), *(f"{100 * share:.1f}" for share in shares))
    console.print(table)
