"""Taking an account out of every file and database of ours."""
