"""What was known about every account on a morning."""
