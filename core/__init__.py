"""Business rules and their tables. Speaks no protocol: no HTTP, no WebSocket, no OCPP."""
