"""What the ledger is made of: its tables and their migrations, the chain of seals, reading back,
and the walk that verifies it. serve/ledger.py is the door."""
