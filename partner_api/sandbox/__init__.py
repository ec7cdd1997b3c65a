"""``/v1/test_helpers``: what developers do with the simulated chargers of test mode."""
