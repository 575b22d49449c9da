"""Keeping: the model folder and the resume state; atomic, verified, no code inside."""
