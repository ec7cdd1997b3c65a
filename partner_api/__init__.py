"""What partners call. No SQL, no OCPP."""
