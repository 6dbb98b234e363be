"""Pages of the documentation that the code itself writes, so that they cannot disagree with it."""
