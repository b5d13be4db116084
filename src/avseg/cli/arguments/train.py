"""Arguments of `avseg train`."""

import argparse

from avseg.cli.arguments.parser import Commands, add_verb
from avseg.config.paths import groups_help

_EPILOG = """\
examples:
  avseg train data=avsbench_ms3 backbone=pvt_v2_b5 fusion=stages_1234
  avseg train recipe=toy seed=1
  avseg train model=lu_avs_mask
  avseg train -m data=toy_ms3 fusion=none,stage_4,stages_1234 seed=1,2,3
  avseg train -m ... --dry-run                     the jobs, their states, an estimate of the time; starts none
  avseg train --cfg job                            prints the configuration and stops

the same command again finds the run complete, or continues it, only with the same data, weights and plugins: file
sizes and times are compared, and the content where they differ. Else the line says what differs; take another
experiment=NAME, or --rerun. A copy of the data in another folder is accepted where the content is the same.

sweeps (-m): each job is a fresh process with GPUs of its own and a log in outputs/EXPERIMENT/logs/; a job that
fails does not stop the others; the same command again runs only what is missing. Settings:
  hydra.launcher.jobs_at_once=2                    default: as many as the GPUs, or the processors, allow
  hydra.launcher.devices=2                         number of GPUs, or [0,3]; default: CUDA_VISIBLE_DEVICES, or all
  hydra.launcher.fail_fast=true                    start nothing new after a failure
  hydra/launcher=submitit_local                    pip install 'avseg[slurm]'; starts all jobs at once, one process each
  hydra/launcher=slurm hydra.launcher.partition=P  likewise; trainer.devices tasks per job, one per GPU

groups and their options (one option each, GROUP=OPTION; any key, KEY=VALUE):
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Adds the groups only when help is asked for, since that reads the folder of yaml files."""

    def add_text(self, text: str | None) -> None:
        super().add_text(text + groups_help() if text == _EPILOG else text)


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    summary = "train and evaluate a model"
    description = "Train and evaluate one run, or with -m a sweep, from Hydra overrides."
    parser = add_verb(commands, "train", summary, description, _EPILOG, formatter=_Help)
    parser.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="Hydra overrides")
    parser.add_argument("-m", "--multirun", action="store_true", help="run every combination of comma-separated values")
    parser.add_argument("--dry-run", action="store_true", help="with -m: show the jobs and start none")
    parser.add_argument(
        "--rerun",
        action="store_true",
        help="set the old run aside (archived-seed=N-TIME next to it) and train from the beginning; "
        "with -m the runs whose data, weights or plugins have changed",
    )
    parser.add_argument(
        "--verify", action="store_true", help="read every input file of an old run; default: those with another time"
    )
    parser.add_argument("--cfg", choices=["job"], help="print the resolved configuration and stop")
