"""One file per claim of the tutorials: an experiment that measures it and gives a verdict.

`experiment.py` has the common parts, `synthetic.py` trains small models on synthetic sequences, `compare.py` trains
whole translators with equal budgets. `addition.py` has its parts in `addition_*.py`, and the tutorials' systems in
`keras_seq2seq.py`; `order_tasks.py` is a part of `order.py`.
"""

EXPERIMENTS: dict[str, str] = {
    "addition": "On 3-digit addition attention reaches 0.98 before epoch 30, a repeated vector not by epoch 50.",
    "length": "Attention keeps 95 % of its BLEU on long sentences; a fixed vector loses more than half.",
    "order": "Reversing or doubling the source helps without attention; with it the gain of reversing vanishes.",
    "scores": "Scores that use the encoder's states beat location, which does not; general beats dot.",
    "scheduled-sampling": "Teacher forcing learns faster; scheduled sampling narrows the train-inference gap.",
    "gradient": "The gradient of the last word's loss vanishes with distance in an RNN; attention is a shortcut.",
    "attention-lstm": "Attention before an LSTM peaks at the planted step 15; after it, step 16 gets weight too.",
    "alignment": "Attention aligns words; before the recurrence, the next step is the better alignment.",
    "depth": "At equal parameters a stack of LSTMs beats one wide layer.",
}
"""Name -> the claim that it tests."""

RUN_MINUTES = {
    "addition": 28,
    "length": 26,
    "order": 26,
    "scores": 27,
    "scheduled-sampling": 27,
    "gradient": 16,
    "attention-lstm": 3,
    "alignment": 27,
    "depth": 27,
}
"""Minutes that a run takes (docs/lab.md)."""

QUICK_EXPERIMENTS = ("gradient", "attention-lstm")
"""The experiments that a smaller version decides within a minute. The others, stopped after a minute, have learnt next
to nothing, so that their verdicts mean nothing."""

CORPUS_EXPERIMENTS = ("length", "order", "scores", "scheduled-sampling", "alignment", "depth")
"""The experiments that train translators on a prepared corpus."""
