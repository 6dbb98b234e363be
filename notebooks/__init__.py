"""Articles on the sample company; see README.md. What they share is how a figure looks."""
