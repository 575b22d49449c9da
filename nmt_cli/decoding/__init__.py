"""Search over a step function, and the translator that writes one output line per input line.

Shapes as in `nmt_cli.model`: B sentences still being searched, K hypotheses per sentence, V vocabulary size,
S source length, T target length; N is the number of sentences at the start of the search.
"""
