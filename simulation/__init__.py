"""A company with known truth: the sample data, and the exam for the models."""
