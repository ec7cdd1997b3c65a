"""The request log: calls noted as they pass, listed, read, followed."""
