"""`avseg evaluate`: score a run or a checkpoint, with the controls that show whether it uses the sound."""

import argparse

from avseg.config.compose import compose_evaluate


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and show the scores."""
    config = compose_evaluate(arguments.overrides)
    # torch takes seconds: a mistake in the overrides is reported before it is imported
    from avseg.cli.scores_table import show_scores
    from avseg.training.evaluate import evaluate, evaluation_folder

    show_scores(evaluate(config), evaluation_folder(config))
    return 0
