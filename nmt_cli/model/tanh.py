"""The hyperbolic tangent, for which the library takes five times as long on a processor as for the sigmoid."""

import torch
from torch import Tensor


def tanh(inputs: Tensor) -> Tensor:
    """tanh x; in float32, where nothing is learnt, as 2 s(2x) - 1 by the sigmoid s, within 3e-7 of it and in its place:
    what is given is overwritten."""
    if torch.is_grad_enabled() or inputs.device.type != "cpu" or inputs.dtype != torch.float32:
        return torch.tanh(inputs)
    return inputs.mul_(2).sigmoid_().mul_(2).sub_(1)
