"""What the platform asks chargers: one queue for operations and operators."""
