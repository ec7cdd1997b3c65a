"""The partner itself: profile, API keys, application."""
