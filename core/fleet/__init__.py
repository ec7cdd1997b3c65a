"""One command for many chargers: chosen, sent a few at a time, each answer kept."""
