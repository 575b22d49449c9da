"""Faster ways to compute on particular hardware; the plain equations stay in `model/` and `training/`."""
