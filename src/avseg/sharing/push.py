"""Write a model as a folder, or push that folder to the Hugging Face Hub."""

import re
import shutil
import tempfile
from pathlib import Path

from avseg.models.experiment import ExperimentModule
from avseg.runs import write_json
from avseg.sharing.card import write_card
from avseg.sharing.facts import collect_facts, public_record
from avseg.training.load import load_model
from avseg.training.shared_folder import write_shared
from avseg.training.source import WeightsSource, find_source
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_folder
from avseg.weights.client_errors import is_local, reason
from avseg.weights.hub import PREFIX, hub_client


def export_folder(source: str | Path, folder: Path, licence: str | None = None, name: str | None = None) -> None:
    """Write weights, configuration, scores and card of a run or checkpoint into a new folder, all or nothing.

    `name` is what the card says to load, by default the folder.

    Raises:
        UserError: the folder exists; the model cannot be loaded, or has no weights of its own to share.
    """
    weights_source = find_source(source)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out {folder}: exists; name a new folder")
    model = _own_model(weights_source)
    facts = collect_facts(weights_source, model)
    with atomic_folder(folder) as staging:
        write_shared(staging, public_record(model), model.state_dict())
        if facts.result:
            write_json(staging / "result.json", facts.result)
        (staging / "README.md").write_text(write_card(facts, name or str(folder), licence), encoding="utf-8")


def push(source: str | Path, repository: str, licence: str | None = None, *, private: bool = False) -> str:
    """Push a run or checkpoint to a repository "owner/name" of the Hub, which is made if need be; returns its address.

    Raises:
        UserError: like `export_folder`; a name that is not one; no network, no login, no permission.
    """
    if not re.fullmatch(r"[\w.\-]+/[\w.\-]+", repository):
        raise UserError(f"--repo {repository}: is not a repository of the Hub; write owner/name")
    temporary = Path(tempfile.mkdtemp(prefix="avseg_push_"))
    try:
        export_folder(source, temporary / "model", licence, name=f"{PREFIX}{repository}")
        with hub_client() as client:
            api = client.HfApi(library_name="avseg")
            api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(repo_id=repository, folder_path=temporary / "model", commit_message="Model from avseg")
    except UserError:
        raise
    except Exception as error:  # the client raises dozens of types
        if is_local(error):
            raise
        raise UserError(
            f"--repo {repository}: could not be pushed ({reason(error)}); log in with `hf auth login`, or write a "
            "folder with --out and upload it"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return f"https://huggingface.co/{repository}"


def _own_model(source: WeightsSource) -> ExperimentModule:
    if source.record is not None:
        raise UserError(f"{source.name}: are weights of other authors ({source.record.page}); push a run of your own")
    model = load_model(source)
    if not model.config.trained:
        runs = ", ".join(run.run for run in model.config.sources().values())
        raise UserError(f"{source.name}: has no weights of its own; push the runs that it is composed of: {runs}")
    return model
