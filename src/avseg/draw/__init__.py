"""Pictures and videos of masks: overlays, panels, comparisons, videos with sound."""
