"""The `avseg` command: finds the verb, and turns every user's mistake into one line and exit code 2."""

import argparse
import errno
import importlib
import logging
import sys
import traceback
from typing import Any

from avseg import __version__
from avseg.utils.errors import UserError, nearest

# modules of avseg.cli, in the order of the help; each is cheap to import
_VERBS = (
    "demo",
    "train",
    "reproduce",
    "status",
    "dashboards",
    "evaluate",
    "predict",
    "data",
    "annotate",
    "convert",
    "bench",
)

_EPILOG = """\
examples:
  avseg demo                                       the main job on made data, in minutes
  avseg train data=avsbench_ms3 backbone=pvt_v2_b5
  avseg reproduce table_a1 --dry-run               a published table: its jobs, then ours beside the paper's
  avseg evaluate checkpoint=outputs/demo/...
  avseg predict my_video.mp4 --out masks
"""


# a file where a folder should be, and the like
_WRONG_PATHS = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ENAMETOOLONG)


class _Parser(argparse.ArgumentParser):
    _mixes = False

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UserError(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Lets options stand between the other words too: `convert FILE --out X KEY=VALUE`."""
        if self._mixes or any(action.nargs == argparse.PARSER for action in self._actions):
            return super().parse_known_args(args, namespace)
        self._mixes = True  # argparse does it by two calls of this very method
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixes = False


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = _Parser(
        prog="avseg",
        description="Audio-visual segmentation: mark the pixels of the objects that sound.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"avseg {__version__}")
    commands = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    for verb in _VERBS:
        importlib.import_module(f"avseg.cli.{verb}").add_parser(commands)
    return parser


def main(words: list[str] | None = None) -> int:
    """Runs a verb.

    Args:
        words: the command line without the program's name; default: that of the process.

    Returns:
        The exit code: 0 done, 2 a mistake that the user can mend, 130 interrupted, 1 a defect of ours.
    """
    words = sys.argv[1:] if words is None else words
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("avseg").setLevel(logging.INFO)
    try:
        _check_verb(words)
        arguments = build_parser().parse_args(words)
        return int(arguments.run(arguments) or 0)
    except UserError as error:
        return _report(str(error), 2, debug)
    except KeyboardInterrupt:
        return _report("interrupted; the same command again continues", 130, debug)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _report(
                f"no space left on the disk{_where(error)}; free some and run the same command again", 2, debug
            )
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            return _report(f"no permission{_where(error)}; choose another folder", 2, debug)
        if error.errno in _WRONG_PATHS:
            return _report(f"{error.strerror}{_where(error)}; choose another path", 2, debug)
        raise


def _check_verb(words: list[str]) -> None:
    verb = words[0] if words else ""
    if verb and not verb.startswith("-") and verb not in _VERBS:
        raise UserError(f"unknown verb '{verb}': use one of {', '.join(_VERBS)}{nearest(verb, _VERBS)}")


def _where(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def _report(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"avseg: error: {message}" if code == 2 else f"\navseg: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
