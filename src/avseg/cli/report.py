"""`avseg report`: a run as one HTML file."""

import argparse

from avseg.cli.data_common import check_minimum
from avseg.utils.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    """Write the report and print where it is, and what the run does not have."""
    check_minimum(arguments, clips=0)
    if not arguments.run_directory.exists():
        raise UserError(
            f"{arguments.run_directory} does not exist; name a run directory, such as outputs/demo/RUN/seed=123"
        )
    # torch takes seconds: a mistake in the arguments is reported before it is imported
    from avseg.report.report import make_report

    report = make_report(arguments.run_directory, arguments.out, arguments.clips, arguments.device)
    for section in report.sections:
        if section.text.startswith("No "):
            print(section.text)
    print(f"report: {report.page}")
    return 0
