"""The subwords that every vocabulary begins with: padding, unknown, beginning and end of a sentence."""

PAD, UNK, BOS, EOS = 0, 1, 2, 3
