"""Certificates of chargers: signing, installing, judging, revoking; change of their keys."""
