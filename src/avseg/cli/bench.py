"""`avseg bench`: run the benchmarks of the clone that this package is installed from."""

import argparse
import importlib
import sys
from pathlib import Path

from avseg.utils.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmarks; a `UserError` if the package was installed without its source, or the output is a file."""
    source = Path(__file__).parents[3]
    if not (source / "benchmarks/run.py").exists():
        raise UserError("avseg bench needs the source: clone the repository and run `make bench` there")
    out: Path = arguments.out
    for path in (out, *out.parents):
        if path.is_file():
            raise UserError(f"--out {out}: {path} is a file; name a folder")
    # the console script does not put the working directory on the path
    if str(source) not in sys.path:
        sys.path.insert(0, str(source))
    # benchmarks/ is not part of the package
    return int(importlib.import_module("benchmarks.run").run(arguments))
