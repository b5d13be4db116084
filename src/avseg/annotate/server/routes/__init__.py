"""HTTP routes by purpose: read a video, edit it, run the models, exchange files."""
