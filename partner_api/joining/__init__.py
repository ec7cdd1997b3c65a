"""Partners that apply."""
