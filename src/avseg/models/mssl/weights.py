"""Weights of the authors' code for MSSL, in both directions."""

from collections.abc import Mapping

from torch import Tensor

from avseg.models.mssl.network import MSSL
from avseg.nn.resnet18_weights import Unused, export_encoders, import_encoders, unused_weights

PREFIXES = (
    ("vision.", "image_encoder."),
    ("audio.conv1_a.", "audio_encoder.conv1."),
    ("audio.", "audio_encoder."),
    ("avc.0.", "pair_hidden."),
    ("avc.2.", "pair_out."),
    ("project_a.0.", "audio_projection.wide."),
    ("project_a.2.", "audio_projection.narrow."),
    ("project_v.0.", "image_projection.wide."),
    ("project_v.2.", "image_projection.narrow."),
    ("class_a.", "audio_classes."),
    ("class_v.", "image_classes."),
)


def load_official(network: MSSL, state_dict: Mapping[str, Tensor]) -> None:
    """Load a state dict of the authors' code; one of the coarse stage leaves the projections as they are.

    Raises:
        UserError: lists what is missing, unexpected or of another shape; the network is left unchanged.
    """
    optional = ("audio_projection.", "image_projection.")
    import_encoders(network, state_dict, PREFIXES, _unused(network), subject="MSSL", optional=optional)


def to_official(network: MSSL) -> dict[str, Tensor]:
    """Return copies of the weights under the authors' names, unused ones included."""
    return export_encoders(network, PREFIXES, _unused(network))


def _unused(network: MSSL) -> tuple[Unused, ...]:
    width = network.image_encoder.channels // 8
    images = unused_weights("vision.", width, audio=False, flow=False)
    return images, unused_weights("audio.", width, audio=True, flow=False)
