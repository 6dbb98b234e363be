"""Reading what a company exports: SELECTs over raw files, locked down."""
