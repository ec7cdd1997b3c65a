"""Very many generated requests to a furnished platform, each answer judged: ``make probe``."""
