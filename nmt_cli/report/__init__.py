"""Showing results: attention pictures, explanations, curves, tables."""
