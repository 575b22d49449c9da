"""The maths: attention, RNNs, encoder, decoders, seq2seq.

Shapes, batch first everywhere:

    B  batch              E  embedding
    S  source length      H  hidden
    T  target length      A  key
    K  beam               V  vocabulary
    h  heads

A mask (B, S) is True on real tokens. In search, the K hypotheses of a sentence are on the axis of the T target steps in
training, so that both call the same attention.
"""
