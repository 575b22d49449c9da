"""Training a model: loop, update step, schedule, optimizer, validation, state."""
