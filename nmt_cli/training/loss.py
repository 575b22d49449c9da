"""The loss as equations: label-smoothed cross-entropy, and R-Drop.

    loss = - sum_n [(1 - e) log p(y_n) + e / V sum_v log p(v)]        (Szegedy et al. 2016, section 7)

With R-Drop (Liang et al. 2021, equation 3) rows come in pairs: the first and the second half are predictions p and q of
the same tokens under different dropout masks, and the loss includes their divergence:

    loss + a sum_pairs [KL(p || q) + KL(q || p)] / 2

This is the reference. Training computes the same from the output layer's input, in `kernels/output_loss.py`, without
the logits of a whole batch in memory; a test compares the two.
"""

from torch import Tensor


def label_smoothed_cross_entropy(
    logits: Tensor, targets: Tensor, smoothing: float, r_drop: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Logits (N, V) and targets (N,) -> two sums over N, in nats: the loss, and the negative log-likelihood, which
    has no gradient. `smoothing` is e, `r_drop` the weight a."""
    log_probs = logits.log_softmax(-1)
    likelihood = -log_probs.gather(1, targets.unsqueeze(1)).sum()
    loss = (1 - smoothing) * likelihood - smoothing * log_probs.mean(1).sum()
    if r_drop:
        p, q = log_probs.chunk(2)
        loss = loss + r_drop * ((p.exp() - q.exp()) * (p - q)).sum() / 2  # KL(p || q) + KL(q || p)
    return loss, likelihood.detach()
