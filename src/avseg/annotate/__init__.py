"""The mask annotation tool: audible segments, prompts, propagation, quality, journal, server and page.

The semi-automatic tool of LU-AVS (supplementary, section 7): a segmenter makes the masks of the first frame of each
audible segment, a propagator carries them on inside the segment and gives points that refine every frame, and the
worst segments are looked at first.
"""
