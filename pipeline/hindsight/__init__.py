"""Predicted against actual, from the files: the duel, the trade's numbers, misses, the monitor."""
