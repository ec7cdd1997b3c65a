"""What charging costs: plain tariffs, and the cost of a session."""
