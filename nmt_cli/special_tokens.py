"""Special tokens in every vocabulary: the ids of padding, unknown, beginning and end of sentence, and the pieces of
tags (see `corpus.tags`)."""

PAD, UNK, BOS, EOS = 0, 1, 2, 3

TAG_PIECES = tuple(f"<tag{slot}>" for slot in range(1, 9))
"""Control symbols that nmt reserves in the vocabularies that it trains. SentencePiece never finds them in text."""
