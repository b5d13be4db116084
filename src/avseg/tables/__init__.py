"""The published tables: what they are made of, our runs beside them, statistics and pictures."""
