"""The claims of the tutorials, each an experiment with a verdict from measurement: `nmt lab EXPERIMENT`.

One file per claim. `experiment.py` is what they have in common, `toys.py` trains small models on made-up sequences.
"""

EXPERIMENTS: dict[str, str] = {
    "addition": "On 3-digit addition attention passes 0.98 before epoch 30; a repeated vector has not by epoch 50.",
    "gradient": "The gradient of the last word vanishes with distance in a recurrent net; attention is a path around.",
    "attention-lstm": "Attention before an LSTM peaks at the planted step 15; after it, step 16 is drawn along.",
}
"""Name -> the claim that it puts to the test."""
