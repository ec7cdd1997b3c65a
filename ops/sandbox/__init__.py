"""Runs the simulated chargers of test mode, on demand: they come when they are wanted."""
