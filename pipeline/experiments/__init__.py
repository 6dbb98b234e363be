"""Runs: told to MLflow, searched, put side by side, promoted."""
