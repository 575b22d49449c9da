"""Showing: attention heat maps and tables."""
