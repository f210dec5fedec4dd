"""Measures how well an engine understands: labelled sets, held-out examples, real questions, and regression tests."""
