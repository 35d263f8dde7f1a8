"""Benchmarks of h2q beside its peers: `python -m benchmarks` for the table, pytest for single workloads."""
