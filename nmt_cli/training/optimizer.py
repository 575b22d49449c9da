"""AdamW, by torch's function `adamw`: the class `torch.optim.AdamW` loads torch's compiler, 70 MiB and seconds."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.adamw import adamw

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""The state of each weight: n, m and v below, under torch's names."""


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), with b1 = 0.9, b2 = 0.98 and e = 1e-9:

    m <- b1 m + (1 - b1) g and v <- b2 v + (1 - b2) g^2, in the n-th update of a weight by its gradient g, then
    w <- w - rate (decay w + m / (1 - b1^n) / (sqrt(v / (1 - b2^n)) + e)), where only matrices decay.
    """

    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        self.weights = weights
        self.decay = decay
        self.state: dict[str, dict[str, Tensor]] = {}

    @torch.no_grad()
    def step(self, rate: float, divisor: Tensor | None = None) -> None:
        """Update every weight that has a gradient. The gradients are divided by `divisor` first, if there is one."""
        updated = [(name, weight, weight.grad) for name, weight in self.weights.items() if weight.grad is not None]
        for matrices in (True, False):
            group = [(name, weight, gradient) for name, weight, gradient in updated if (weight.dim() > 1) == matrices]
            states = [self._weight_state(name, weight) for name, weight, _ in group]
            adamw(
                [weight for _, weight, _ in group],
                [gradient for _, _, gradient in group],
                [moments["exp_avg"] for moments in states],
                [moments["exp_avg_sq"] for moments in states],
                [],
                [moments["step"] for moments in states],
                fused=True,
                grad_scale=divisor,
                amsgrad=False,
                beta1=0.9,
                beta2=0.98,
                lr=rate,
                weight_decay=self.decay if matrices else 0.0,
                eps=1e-9,
                maximize=False,
            )

    def _weight_state(self, name: str, weight: Tensor) -> dict[str, Tensor]:
        if name not in self.state:
            self.state[name] = {
                "step": torch.zeros((), device=weight.device),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
        return self.state[name]
