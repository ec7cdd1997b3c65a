"""Who is calling, from where, how often, and what they may do."""
