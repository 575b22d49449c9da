"""Translating and scoring text: what `nmt translate`, `bulk`, `score` and `augment` do, as functions."""
