"""What has no business meaning: settings, errors, clock, ids, crypto, database, doorbell, logs."""
