"""Convert raw videos to the official AVSBench layout: one frame and one log-mel patch per second, and the sound."""
