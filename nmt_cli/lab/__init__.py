"""One file per claim of the tutorials: an experiment that measures it and gives a verdict.

`experiment.py` has the common parts, `synthetic.py` trains small models on synthetic sequences, `compare.py` trains
whole translators with equal budgets. `addition.py` has its parts in `addition_*.py`, and the tutorials' systems in
`keras_seq2seq.py`; `order_tasks.py` is a part of `order.py`.
"""

EXPERIMENTS: dict[str, str] = {
    "length": "Attention keeps 95 % of its BLEU on long sentences; a fixed vector loses more than half.",
    "gradient": "The gradient of the last word's loss vanishes with distance in an RNN; attention is a shortcut.",
    "order": "Reversing or doubling the source helps without attention; with it the gain of reversing vanishes.",
    "addition": "On 3-digit addition attention reaches 0.98 before epoch 30, a repeated vector not by epoch 50.",
    "alignment": "Attention aligns words; before the recurrence, the next step is the better alignment.",
    "scores": "Scores that use the encoder's states beat location, which does not; general beats dot.",
    "attention-lstm": "Attention before an LSTM peaks at the planted step 15; after it, step 16 gets weight too.",
    "scheduled-sampling": "Teacher forcing learns faster; scheduled sampling narrows the train-inference gap.",
    "depth": "At equal parameters a stack of LSTMs beats one wide layer.",
}
"""Name -> the claim that it tests, in the order of the tutorials. Each has a page, docs/lab/NAME.md."""

RUN_MINUTES = {
    "length": 26,
    "gradient": 19,
    "order": 29,
    "addition": 28,
    "alignment": 27,
    "scores": 27,
    "attention-lstm": 10,
    "scheduled-sampling": 27,
    "depth": 27,
}
"""Minutes that a run takes, as its page says."""

QUICK_EXPERIMENTS = ("gradient", "attention-lstm")
"""The experiments that a smaller version decides within a minute. The others, stopped after a minute, have learnt next
to nothing, so that their verdicts mean nothing."""

CORPUS_EXPERIMENTS = ("length", "order", "alignment", "scores", "scheduled-sampling", "depth")
"""The experiments that train translators on a prepared corpus."""
