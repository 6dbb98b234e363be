"""Making a run again, and saying what differs."""
