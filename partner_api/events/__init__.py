"""Events: listed, read, sent again, streamed."""
