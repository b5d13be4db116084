"""The losses of LGVT: the structure loss, the energy loss, and the likelihood that the sampling follows."""

from torch import Tensor
from torch.nn import functional as F

WINDOW = 31  # pixels of the mean that marks the edges of a mask
SIGMA = 0.3  # deviation of a mask's pixels from the prediction


def structure_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Compute cross-entropy plus weighted IoU loss of logits and masks (N, 1, H, W) in 0 to 1.

    The IoU counts pixels near an edge up to six times. The published code intends the same for the cross-entropy, but
    its weights cancel: it is a plain mean, of labels 0.0005 and 0.9995.
    """
    weight = 1 + 5 * (F.avg_pool2d(masks, WINDOW, stride=1, padding=WINDOW // 2) - masks).abs()
    bce = F.binary_cross_entropy_with_logits(logits, 0.999 * masks + 0.0005)
    probability = logits.sigmoid()
    intersection = (probability * masks * weight).sum((2, 3))  # (N, 1)
    total = ((probability + masks) * weight).sum((2, 3))
    iou_loss = 1 - (intersection + 1) / (total - intersection + 1)
    return (bce + iou_loss).mean()


def likelihood_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Compute the squared distance of probabilities and masks over 2 sigma^2, a mean over batch and pixels."""
    return F.mse_loss(logits.sigmoid(), masks) / (2 * SIGMA**2)


def energy_loss(posterior: Tensor, prior: Tensor) -> Tensor:
    """Compute the mean energy (N, 1) of posterior samples less that of prior samples: the posterior's is lowered."""
    return posterior.mean() - prior.mean()
