"""What operators are told of, and how they hear of it."""
