"""Translating streams and files: `nmt translate` and `nmt bulk` as functions."""
