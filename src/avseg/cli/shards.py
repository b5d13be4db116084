"""The options `--shard`, `--merge` and `--reports` of several verbs."""

from argparse import Namespace

from avseg.utils.errors import UserError
from avseg.utils.shards import Shard


def read_shard(arguments: Namespace, **whole: object) -> Shard | None:
    """Return the shard to run, None without `--shard`.

    Raises:
        UserError: not I/N; with `--merge`; or with one of the options `whole`, which concern all items.
    """
    if arguments.merge and arguments.ray is not None:
        raise UserError(f"--ray {arguments.ray}: merging needs no cluster; leave it out")
    if arguments.reports is not None and not (arguments.shard or arguments.merge):
        raise UserError(
            f"--reports {arguments.reports}: is for --shard I/N and --merge; add one of them, or leave it out"
        )
    if arguments.shard is None:
        return None
    if arguments.merge:
        raise UserError(
            f"--shard {arguments.shard} and --merge contradict each other; merge when all shards are complete"
        )
    for name, value in whole.items():
        if value:
            raise UserError(f"--{name} concerns all shards; give it with --merge, not with --shard {arguments.shard}")
    return Shard.parse(arguments.shard)
