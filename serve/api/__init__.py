"""The HTTP interface: `state` holds what is served, `guard` stands before everything, and each of
the other modules answers a family of questions."""
