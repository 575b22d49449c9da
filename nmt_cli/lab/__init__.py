"""One file per claim of the tutorials, each an experiment with a verdict from measurement.

`experiment.py` is what they have in common, `synthetic.py` trains small models on synthetic sequences, `compare.py`
whole translators with equal budget.
"""

EXPERIMENTS: dict[str, str] = {
    "addition": "On 3-digit addition attention passes 0.98 before epoch 30; a repeated vector has not by epoch 50.",
    "length": "Attention keeps 95 % of its BLEU on long sentences; a fixed vector loses more than half.",
    "order": "Reversing or doubling the source helps without attention; with it the gain of reversing vanishes.",
    "scores": "Dot, general, concat, mlp, location and local attention: quality, speed, sharpness.",
    "scheduled-sampling": "Teacher forcing learns faster, mixing in the model's own words narrows the gap to its use.",
    "gradient": "The gradient of the last word vanishes with distance in a recurrent net; attention is a path around.",
    "attention-lstm": "Attention before an LSTM peaks at the planted step 15; after it, step 16 is drawn along.",
    "alignment": "Attention learns which words belong together; before the recurrence it lags by one.",
    "depth": "At equal parameters a stack of LSTMs beats one wide layer.",
}
"""Name -> the claim that it puts to the test."""

TRANSLATING = ("length", "order", "scores", "scheduled-sampling", "alignment", "depth")
"""Those that learn a prepared corpus."""
