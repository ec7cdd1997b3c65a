"""What partners called, redacted: kept for a while, for them and for whoever helps them."""
