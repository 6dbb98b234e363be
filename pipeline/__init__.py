"""One module a stage: read, call one pure function, write, log."""
