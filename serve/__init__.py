"""Predictions for people and programs: the cycle's list, the report and a first service."""
