"""`avseg train`: one run, or with -m a sweep, from Hydra overrides."""

import argparse

from omegaconf import OmegaConf

from avseg.cli.sweeps import run_sweep
from avseg.config.read import plain_config
from avseg.runs.configure import training_config
from avseg.utils.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    """Train, or run a sweep; return the exit code."""
    if arguments.multirun:
        return run_sweep(arguments.overrides, dry_run=arguments.dry_run, rerun=arguments.rerun)
    if arguments.dry_run:
        raise UserError("--dry-run shows the jobs of a sweep; add -m (the configuration of one run: --cfg job)")
    config = training_config(arguments.overrides)
    if arguments.cfg:
        print(OmegaConf.to_yaml(OmegaConf.create(plain_config(config))))
        return 0
    # torch takes seconds: a mistake in the overrides is reported before it is imported
    from avseg.cli.scores_table import show_result
    from avseg.training.fit import train

    show_result(train(config, rerun=arguments.rerun, verify=arguments.verify).path)
    return 0
