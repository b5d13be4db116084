"""Many jobs: each a fresh process with devices of its own."""
