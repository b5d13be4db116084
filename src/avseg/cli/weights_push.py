"""`avseg weights push`: a run to the Hugging Face Hub, or to a folder."""

import argparse

from avseg.sharing.push import export_folder, push
from avseg.utils.errors import UserError


def run(arguments: argparse.Namespace) -> None:
    """Push, or write the folder; print where it is."""
    if arguments.out is not None:
        if arguments.private:
            raise UserError("--private is for a repository of the Hub (--repo); leave it out")
        export_folder(arguments.source, arguments.out, arguments.licence)
        print(f"written to {arguments.out}")
    else:
        print(push(arguments.source, arguments.repo, arguments.licence, private=arguments.private))
