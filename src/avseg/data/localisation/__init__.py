"""Boxes of sound sources in single images: the annotations of VGG-SS and Flickr-SoundNet."""

from avseg.data.localisation.boxes import (
    Box,
    flickr_truth,
    mssl_flickr_truth,
    read_flickr,
    read_vgg_ss,
    vgg_ss_truth,
)

__all__ = ["Box", "flickr_truth", "mssl_flickr_truth", "read_flickr", "read_vgg_ss", "vgg_ss_truth"]
