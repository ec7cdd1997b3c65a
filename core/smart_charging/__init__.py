"""How much chargers may draw: profiles, limits from outside, what vehicles need."""
