"""Faster ways to compute the same on particular hardware, and what the hardware is."""
