"""The control calls of partners: start, stop, reserve, cancel a reservation, unlock."""
