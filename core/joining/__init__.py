"""Partners that apply: what they send, what proves it, who decides."""
