"""A propagator without weights: optical flow, corrected by colours and a memory of accepted frames."""
