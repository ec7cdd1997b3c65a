"""Partners, their API keys, scopes and grants."""
