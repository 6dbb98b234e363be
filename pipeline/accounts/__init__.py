"""What is told of single accounts: their past, their events, the reasons of their scores."""
