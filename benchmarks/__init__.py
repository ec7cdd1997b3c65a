"""Load figures of Voltgate beside the budgets and a plain central system: ``make bench``."""
