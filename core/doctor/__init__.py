"""Does the database keep the invariants? One statement each, on a live system."""
