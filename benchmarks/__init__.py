"""Measurements of speed: ratios and medians inside one run, never tests."""
