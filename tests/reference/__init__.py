"""Plain forms of published methods: the reference for tests and benchmarks."""
