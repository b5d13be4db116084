"""Arguments of `avseg evaluate`."""

from avseg.cli.arguments.parser import Commands, add_verb

_EPILOG = """\
examples:
  avseg evaluate checkpoint=outputs/demo/RUN/seed=123
  avseg evaluate checkpoint=best.ckpt split=val root=data/AVSBench/Multi-sources out=scores
  avseg evaluate checkpoint=outputs/demo/RUN/seed=123 model.score.unit=segment model.aggregation.mode=argmax rate=5

keys: checkpoint, split (train, val, test), root (another data folder), batch_size, num_workers,
packed, packed_audio (`avseg data pack`), out,
videos_per_group (test batch of the official F-score; 0 = the whole split), trainer (cpu, gpu, ddp);
long videos: rate (frames per second), model.score.*, model.aggregation.*, model.smoothing.* (as in training)
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    parser = add_verb(
        commands,
        "evaluate",
        run="avseg.cli.evaluate:run",
        summary="score a run with the controls",
        description="Score a run or a checkpoint, with the controls that show whether it uses the sound.",
        epilog=_EPILOG,
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides")
