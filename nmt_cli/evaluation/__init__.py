"""Scoring translations: metrics, intervals, significance, breakdowns, benchmarks."""
