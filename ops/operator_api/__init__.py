"""What operators call, on a port of its own: chargers, partners, commands, and what happened."""
