"""Video and sound of any format: probing, time stamps, frame-exact reading, sound tracks, writing."""
