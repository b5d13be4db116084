"""`avseg evaluate`: scores a run or a checkpoint, with the controls that show whether it listens."""

import argparse

_EPILOG = """\
examples:
  avseg evaluate checkpoint=outputs/demo/RUN/seed=123
  avseg evaluate checkpoint=best.ckpt split=val root=data/AVSBench/Multi-sources out=scores
  avseg evaluate checkpoint=outputs/demo/RUN/seed=123 branch.score.unit=segment branch.aggregation.mode=argmax rate=5

keys: checkpoint, split (train, val, test), root (another data folder), batch_size, num_workers,
packed, packed_audio (`avseg data pack`), out,
videos_per_group (test batch of the official F-score: 4; 0 = the whole split), trainer (cpu, gpu, ddp);
long videos: rate (frames per second), branch.score.*, branch.aggregation.*, branch.smoothing.* (as in training)
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "evaluate",
        help="score a run with the controls",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluates."""
    from avseg.config.compose import compose

    config = compose("evaluate", arguments.overrides)
    from avseg.cli.scores_table import show_scores
    from avseg.training.evaluate import evaluate, evaluation_folder

    show_scores(evaluate(config), evaluation_folder(config))
    return 0
