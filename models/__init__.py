"""What is learnt from what was known, and what is compared with it."""
