"""Contract certificates (ISO 15118 plug and charge): asked of a service that knows them."""
