"""Drawings of masks and data: overlays, boxes, panels, timelines, statistics."""
