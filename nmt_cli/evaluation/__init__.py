"""Judging: scores and their significance, length buckets, worst sentences."""
