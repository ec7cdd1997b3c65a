"""Test mode: a station of simulated chargers for each partner, and who runs them."""
