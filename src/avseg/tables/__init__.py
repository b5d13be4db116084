"""Published tables: their cells, our runs next to the paper's numbers, statistics and plots."""
