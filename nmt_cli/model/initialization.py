"""Initial weights: orthogonal recurrent, Xavier input, normal embedding weights; other layers keep torch's defaults."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

M = TypeVar("M", bound=nn.Module)


def init_rnn_(cell: nn.RNNBase) -> None:
    """Per gate: Xavier-uniform input weights (Glorot and Bengio 2010) and orthogonal recurrent ones (Saxe et al. 2013).
    Biases are zero, except that of an LSTM's forget gate: one, so that it remembers at first (Jozefowicz et al.
    2015)."""
    gates = {"LSTM": 4, "GRU": 3}.get(cell.mode, 1)
    for name, parameter in cell.named_parameters():
        if "weight" in name:
            for gate in parameter.data.chunk(gates):
                nn.init.xavier_uniform_(gate) if "ih" in name else nn.init.orthogonal_(gate)
        else:
            nn.init.zeros_(parameter)
    if cell.mode == "LSTM":
        cell.get_parameter("bias_ih_l0").data[cell.hidden_size : 2 * cell.hidden_size] = 1.0


def init_embedding_(embedding: nn.Embedding) -> None:
    """Normal with variance 1 / E, so that the norm of a vector is about one; the padding vector is zero."""
    nn.init.normal_(embedding.weight, std=embedding.embedding_dim**-0.5)
    embedding.weight.data[embedding.padding_idx] = 0.0


class _SkipInit(TorchFunctionMode):
    """Functions of `torch.nn.init` return their tensor as it is. On the meta device some of them would first import
    torch's compiler, which takes longer than drawing the weights."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def without_memory(build: Callable[[], M]) -> M:
    """Call `build` and return its model on the meta device: weights have shapes, but no memory."""
    with torch.device("meta"), _SkipInit():
        return build()


def without_weights(build: Callable[[], M], check: Callable[[M], None] | None = None) -> M:
    """Call `build` and return its model with uninitialised weights on the CPU, for loading, where initialising them
    would take a tenth of the time. Tied weights stay tied. `check` gets the model before memory is allocated."""
    model = without_memory(build)
    if check is not None:
        check(model)
    replaced: dict[nn.Parameter, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter not in replaced:
                replaced[parameter] = nn.Parameter(torch.empty_like(parameter, device="cpu"))
            setattr(module, name, replaced[parameter])
    return model
