"""The maths: attention, RNNs, encoder, decoders, seq2seq.

Shapes, batch first everywhere:

    B  batch              E  embedding
    S  source length      H  hidden
    T  target length      A  attention
    K  beam               V  vocabulary

`source_mask` (B, S) is True on real tokens. In search, the K hypotheses of a sentence take the axis of the T target
steps of training, so both call the same attention.
"""
