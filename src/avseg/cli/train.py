"""`avseg train`: one run, or with -m a sweep, from Hydra overrides."""

import argparse

from avseg.utils.errors import UserError

_EPILOG = """\
examples:
  avseg train data=avsbench_ms3 backbone=pvt_v2_b5 fusion=stages_1234
  avseg train data=toy_ms3 backbone=tiny audio=mel trainer=cpu seed=1
  avseg train -m data=toy_ms3 fusion=none,stage_4,stages_1234 seed=1,2,3
  avseg train -m ... --dry-run                     the jobs, their states, an estimate of the time; starts none
  avseg train --cfg job                            prints the configuration and stops

sweeps (-m): each job is a fresh process with GPUs of its own and a log in outputs/EXPERIMENT/logs/; a job that
fails stops no other; the same command again runs only what is missing. Settings:
  hydra.launcher.jobs_at_once=2                    default: as many as the GPUs, or the processors, allow
  hydra.launcher.devices=2                         so many GPUs, or [0,3]; default: CUDA_VISIBLE_DEVICES, or all
  hydra.launcher.fail_fast=true                    start nothing new after a failure
  hydra/launcher=submitit_local                    pip install 'avseg[slurm]'; starts all jobs at once, one process each
  hydra/launcher=slurm hydra.launcher.partition=P  likewise; trainer.devices tasks per job, one per GPU

groups and their options (one option each, GROUP=OPTION; any key, KEY=VALUE):
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Adds the groups only when help is asked for, since that reads the folder of yaml files."""

    def add_text(self, text: str | None) -> None:
        super().add_text(text + _groups() if text == _EPILOG else text)


def _groups() -> str:
    from avseg.config.paths import groups_help

    return groups_help()


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "train", help="train and evaluate a model", description=__doc__, epilog=_EPILOG, formatter_class=_Help
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides")
    parser.add_argument("-m", "--multirun", action="store_true", help="run every combination of comma-separated values")
    parser.add_argument("--dry-run", action="store_true", help="with -m: show the jobs and start none")
    parser.add_argument("--cfg", choices=["job"], help="print the resolved configuration and stop")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Trains."""
    if arguments.multirun:
        from avseg.cli.sweeps import sweep

        return sweep(arguments.overrides, arguments.dry_run)
    if arguments.dry_run:
        raise UserError("--dry-run shows the jobs of a sweep; add -m (the configuration of one run: --cfg job)")
    if arguments.cfg:
        from omegaconf import OmegaConf

        from avseg.runs.configure import training_config

        print(OmegaConf.to_yaml(OmegaConf.create(training_config(arguments.overrides))))
        return 0
    train_and_show(arguments.overrides)
    return 0


def train_and_show(overrides: list[str]) -> None:
    """Trains one run and shows its scores."""
    from avseg.cli.scores_table import show_result
    from avseg.runs.configure import training_config
    from avseg.training.fit import train

    finished = train(training_config(overrides))
    show_result(finished.path)
