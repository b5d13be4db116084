"""`avseg train`: one run, or with -m a sweep, from Hydra overrides."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_EPILOG = """\
examples:
  avseg train data=avsbench_ms3 backbone=pvt_v2_b5 fusion=stages_1234
  avseg train data=toy_ms3 backbone=tiny audio=mel trainer=cpu seed=1
  avseg train -m data=toy_ms3 fusion=none,stage_4,stages_1234
  avseg train --cfg job                            prints the configuration and stops

groups and their options (one option each, GROUP=OPTION; any key, KEY=VALUE):
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Adds the groups only when help is asked for, since that reads the folder of yaml files."""

    def add_text(self, text: str | None) -> None:
        super().add_text(text + _groups() if text == _EPILOG else text)


def _groups() -> str:
    from avseg.config.folder import groups_help

    return groups_help()


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "train", help="train and evaluate a model", description=__doc__, epilog=_EPILOG, formatter_class=_Help
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides")
    parser.add_argument("-m", "--multirun", action="store_true", help="run every combination of comma-separated values")
    parser.add_argument("--cfg", choices=["job"], help="print the resolved configuration and stop")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Trains."""
    if arguments.multirun:
        return _sweep(arguments.overrides)
    from avseg.runs.configure import training_config

    config = training_config(arguments.overrides)
    if arguments.cfg:
        from omegaconf import OmegaConf

        print(OmegaConf.to_yaml(OmegaConf.create(config)))
        return 0
    _train(config)
    return 0


def _train(config: dict[str, object]) -> None:
    from avseg.app.report import show_result
    from avseg.tasks.fit import train

    finished = train(config)
    show_result(finished.path)


@contextmanager
def _as_if_alone() -> Iterator[None]:
    """Takes back what a job of several processes leaves, by which the next job would think that it is one of them."""
    import torch.distributed as processes

    before = dict(os.environ)
    try:
        yield
    finally:
        if processes.is_available() and processes.is_initialized():
            processes.destroy_process_group()
        os.environ.clear()
        os.environ.update(before)


def _sweep(overrides: list[str]) -> int:
    """Hands the combinations to Hydra's sweeper; a job that fails does not stop the others."""
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from avseg.config import schema
    from avseg.config.compose import check_sweep, readable
    from avseg.config.folder import conf_folder
    from avseg.errors import UserError
    from avseg.runs.configure import training_config

    check_sweep(overrides)
    schema.register()
    failures: list[str] = []
    program = sys.argv[0]

    @hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="train")  # type: ignore[untyped-decorator]
    def job(config: DictConfig) -> None:
        words = list(HydraConfig.get().overrides.task)
        # a job is the plain command of its own: so says its manifest, and so Lightning starts its other processes
        HydraConfig.instance().cfg = None
        sys.argv = [program, "train", *words]
        try:
            with _as_if_alone():
                _train(training_config(words))
        except UserError as error:
            failures.append(str(error))
            print(f"this job failed: {error}", file=sys.stderr)

    sys.argv = [program, "--multirun", *(readable(override) for override in overrides)]
    job()
    if failures:
        raise UserError(f"{len(failures)} of the sweep's jobs failed; the first: {failures[0]}")
    return 0
