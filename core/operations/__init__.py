"""What partners ask for: start, stop, reserve, cancel, unlock."""
