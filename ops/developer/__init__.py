"""What ``voltgate listen`` and ``voltgate trigger`` do: clients of the partner API, no more."""
