"""Learning: loop, loss, schedule, averaging."""
