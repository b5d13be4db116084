"""The `avseg` command: parse the command line, run the verb, report each user error in one line with exit code 2."""

import argparse
import errno
import importlib
import logging
import os
import sys
import traceback
from io import TextIOWrapper

from avseg import __version__
from avseg.cli.arguments.parser import Parser, take_option
from avseg.cli.arguments.verbs import VERBS
from avseg.config.plugins import load as load_plugins
from avseg.utils.errors import UserError, nearest
from avseg.utils.names import printable

_EPILOG = """\
examples:
  avseg demo                                       the complete workflow on synthetic data, in minutes
  avseg train data=avsbench_ms3 backbone=pvt_v2_b5
  avseg reproduce table_a1 --dry-run               a published table: its jobs, then ours next to the paper's numbers
  avseg evaluate checkpoint=outputs/demo/...
  avseg predict my_video.mp4 --out masks
"""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_PERMISSION = (errno.EACCES, errno.EROFS, errno.EPERM)
# a file where a folder should be, and the like
_WRONG_PATH = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ENAMETOOLONG)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all verbs."""
    parser = Parser(
        prog="avseg",
        description="Audio-visual segmentation: mark the pixels of the objects that sound.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"avseg {__version__}")
    # main removes both from the command line, so every verb accepts them; here they are for the help
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument(
        "--plugin", action="append", metavar="FOLDER_OR_MODULE", help="load a plugin that is not installed; repeatable"
    )
    commands = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for add_arguments in VERBS.values():
        add_arguments(commands)
    return parser


def main(command_line: list[str] | None = None) -> int:
    """Run a verb; the command line is by default that of the process, without the program's name.

    Returns:
        The exit code: 0 success, 2 an error that the user can correct, 130 interrupted, 1 a defect of avseg.
    """
    command_line = list(sys.argv[1:] if command_line is None else command_line)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be valid UTF-8
    debug = "--debug" in command_line
    while "--debug" in command_line:
        command_line.remove("--debug")
    # warnings of libraries, progress messages of our own
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("avseg").setLevel(logging.DEBUG if debug else logging.INFO)
    try:
        return _run(command_line)
    except UserError as error:
        return _report(str(error), 2, debug)
    except KeyboardInterrupt:
        # runs, downloads and prepared data continue where they stopped
        return _report("interrupted; the same command again continues", 130, debug)
    except BrokenPipeError:
        # the reader, such as head, has closed its end; Python would report that again when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        path = f" ({error.filename})" if error.filename else ""
        if error.errno in _DISK_FULL:
            return _report(f"no space left on the disk{path}; free some and run the same command again", 2, debug)
        if error.errno in _NO_PERMISSION:
            return _report(f"no permission{path}; choose another folder", 2, debug)
        if error.errno in _WRONG_PATH:
            return _report(f"{error.strerror}{path}; choose another path", 2, debug)
        raise


def _run(command_line: list[str]) -> int:
    command_line, plugins = take_option(command_line, "--plugin")
    verb = command_line[0] if command_line else ""
    if verb and not verb.startswith("-") and verb not in VERBS:
        raise UserError(f"unknown verb '{verb}': use one of {', '.join(VERBS)}{nearest(verb, VERBS)}")
    if plugins:
        load_plugins(plugins)  # before parsing: they add options to the help
    arguments = build_parser().parse_args(command_line)
    if verb == "annotate":
        # read when NumPy is imported; its products of small matrices are slower with threads that wait for each other
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # imported only now, so that --help and mistakes answer at once
    module, _, function = arguments.run.partition(":")
    run = getattr(importlib.import_module(module), function)
    return int(run(arguments) or 0)


def _report(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    message = printable(message)  # one line, although file names may hold line breaks
    print(f"avseg: error: {message}" if code == 2 else f"\navseg: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
