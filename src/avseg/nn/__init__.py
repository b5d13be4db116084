"""Layers shared by several models: timm backbones, pretrained weights, CPU kernels, XMem."""
