"""Explaining one translation step by step: `record` collects the numbers, `render` shows them."""
