"""What became of a control call, and the reservations it made."""
