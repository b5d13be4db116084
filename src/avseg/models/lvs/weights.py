"""Official LVS weights, in both directions."""

from collections.abc import Mapping

from torch import Tensor

from avseg.models.lvs.network import LVS
from avseg.nn.resnet18_weights import Unused, export_encoders, import_encoders, unused_weights

PREFIXES = (
    ("imgnet.", "image_encoder."),
    ("audnet.conv1_a.", "audio_encoder.conv1."),
    ("audnet.", "audio_encoder."),
)


def load_official(network: LVS, state_dict: Mapping[str, Tensor]) -> None:
    """Load a state dict of the official code; a leading `module.` is removed.

    Raises:
        UserError: lists what is missing, unexpected or of another shape; the network is left unchanged.
    """
    import_encoders(network, state_dict, PREFIXES, _unused(network), subject="LVS")


def to_official(network: LVS) -> dict[str, Tensor]:
    """Return copies of the weights under the official names, unused ones included."""
    return export_encoders(network, PREFIXES, _unused(network))


def _unused(network: LVS) -> tuple[Unused, ...]:
    width = network.image_encoder.channels // 8
    images = unused_weights("imgnet.", width, audio=False, flow=True)
    return images, unused_weights("audnet.", width, audio=True, flow=True)
