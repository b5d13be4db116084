"""Arguments of `avseg data check`, `stats` and `help`."""

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

SETTINGS = ("s4", "ms3", "avss", "lu_avs")
_CHECK_EPILOG = """\
exit code: 0 complete and valid, 1 findings, 2 the command itself is wrong.
examples:
  avseg data check data/AVSBench                       every data set below, one screen each
  avseg data check data/LU-AVS --setting lu_avs --json lu_avs.json
  avseg data check data/AVSBench/Semantic --ignore 'stray pixels' 'stray colour'
"""
_STATS_EPILOG = """\
example:
  avseg data stats data/AVSBench/Multi-sources --picture ms3.png --json ms3.json
"""
_HELP_EPILOG = """\
examples:
  avseg data help          all data sets
  avseg data help s4
"""


def add_parsers(subverbs: Commands) -> None:
    """Add the subverbs `check`, `stats` and `help`."""
    check = _parser(subverbs, "check", "check that a data set is complete and valid", _CHECK_EPILOG)
    _add_set(check)
    check.add_argument("--fix", action="store_true", help="fix what loses no data: leftovers, log-mel files")
    check.add_argument("--own", action="store_true", help="a set of your own in this layout: no published numbers")
    check.add_argument("--ignore", nargs="+", default=[], metavar="KIND", help="kinds of findings to leave out")
    check.add_argument("--show", type=int, default=3, metavar="N", help="findings shown of each kind; default: 3")
    text = "AVSS: smaller spots of a class are stray pixels; default: 10"
    check.add_argument("--min-pixels", type=int, default=10, metavar="N", help=text)
    check.set_defaults(run=_lazy("avseg.cli.data_check", "run_check"))
    stats = _parser(subverbs, "stats", "count the content of a data set, as a table and a plot", _STATS_EPILOG)
    _add_set(stats)
    stats.add_argument("--picture", type=Path, metavar="FILE", help="write the plot as a png")
    stats.set_defaults(run=_lazy("avseg.cli.data_check", "run_stats"))
    source = _parser(subverbs, "help", "how to obtain a data set, its licence, its folder", _HELP_EPILOG)
    source.add_argument("dataset", nargs="?", metavar="DATASET", help="its name; default: list all of them")
    source.set_defaults(run=_lazy("avseg.cli.data_check", "run_help"))


def _lazy(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        return int(getattr(importlib.import_module(module), function)(arguments))

    return run


def _parser(commands: Commands, name: str, text: str, epilog: str) -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(name, help=text, description=text, epilog=epilog, formatter_class=shape)


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=Path, metavar="ROOT", help="folder of the set, or one that holds several releases")
    parser.add_argument("--setting", choices=SETTINGS, help="default: every set found")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as json")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes; default: one per core")
