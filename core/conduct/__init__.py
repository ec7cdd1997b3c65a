"""Watching how partners behave, and the ladder for those who misbehave."""
