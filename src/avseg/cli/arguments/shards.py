"""Arguments that spread a verb over jobs or a Ray cluster, shared by `predict`, `data prepare` and `data check`."""

import argparse
from pathlib import Path

SHARD_EPILOG = """
in many jobs (docs/how-to/scale.md): --shard I/N does the I-th of N parts, in any order and at any time; the same
command continues it. With --merge in place of --shard the command then prints and writes what one run would.
"""


def add_shards(parser: argparse.ArgumentParser, reports: str) -> argparse._ArgumentGroup:
    """Add the options and return their group; `reports` says where the results of shards are by default."""
    group = parser.add_argument_group("in many jobs")
    add = group.add_argument
    add("--shard", metavar="I/N", help="only the I-th of N parts, from 1, as in an array of jobs")
    add("--merge", action="store_true", help="sum up the shards; the other options are theirs")
    ray = "run on a Ray cluster: HOST:PORT, auto (the running one) or local; needs avseg[ray]"
    add("--ray", metavar="ADDRESS", help=ray)
    add("--reports", type=Path, metavar="DIR", help=f"folder of the shards' results ({reports})")
    return group
