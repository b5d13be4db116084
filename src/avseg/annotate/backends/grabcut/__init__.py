"""A segmenter without weights: region growing over superpixels, then GrabCut."""
