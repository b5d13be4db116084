"""`avseg compare`: named methods on one split."""

import argparse

from avseg.comparison.request import Request, check_sources, parse_methods
from avseg.utils.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    """Compare the methods and print the table."""
    methods = parse_methods(arguments.methods, arguments.pattern)
    check_sources(methods)
    if arguments.videos_per_group is not None and arguments.videos_per_group < 0:
        raise UserError(
            f"--videos-per-group {arguments.videos_per_group}: must be at least 1, or 0 for the whole split"
        )
    request = Request(
        methods=methods,
        out=arguments.out,
        data=arguments.data,
        root=arguments.root,
        split=arguments.split,
        allow_missing=arguments.allow_missing,
        videos_per_group=arguments.videos_per_group,
        device=arguments.device,
        save_masks=arguments.save_masks,
        show=arguments.show or Request.show,
        seed=arguments.seed,
        published=arguments.published,
        page=not arguments.no_page,
        pictures=not arguments.no_pictures,
    )
    # torch takes seconds: a mistake in the arguments is reported before it is imported
    from rich.markup import escape

    from avseg.cli.console_table import new_table, print_table
    from avseg.comparison.compare import compare
    from avseg.comparison.table_text import score_table

    outcome = compare(request)
    for text in (score_table(outcome.table), *outcome.published):
        console = new_table(text.title, text.header, ("method", "source", "note"), overflow="fold")
        for row in text.rows:
            console.add_row(*map(escape, row))
        print_table(console)
        for note in text.notes:
            print(note)
    print(f"written to {outcome.folder}")
    return 0
