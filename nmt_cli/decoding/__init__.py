"""Search over a step function, and the translator that puts a line out for every line in.

Letters as in `nmt_cli.model`: B sentences still being searched, K hypotheses of each, V vocabulary,
S source length, T target length; and N for all sentences that the search began with.
"""
