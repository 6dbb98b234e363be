"""How a company's own exports get a source: read their columns, propose a mapping, write it."""
