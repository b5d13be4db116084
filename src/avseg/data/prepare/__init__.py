"""From raw videos to the official layout: one frame and one log-mel patch for each second, and the sound."""
