"""Any video and any sound: probing, timestamps, frame-exact reading, sound tracks, writing."""
