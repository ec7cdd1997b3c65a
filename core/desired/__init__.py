"""What a charger should be, against what it says it is; reconciled when it is there."""
