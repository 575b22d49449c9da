"""Where to compute: what auto chooses, and what is refused."""

import pytest
import torch

from nmt_cli.errors import ConfigError
from nmt_cli.model import device
from nmt_cli.model.device import compute_for_search, compute_for_training


@pytest.mark.parametrize(
    ("capability", "native", "training"),
    [
        ("AVX512", True, torch.bfloat16),
        ("AVX512", False, torch.float32),
        ("AVX2", True, torch.float32),
        ("DEFAULT", False, torch.float32),
    ],
)
def test_auto(capability: str, native: bool, training: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert compute_for_training("cpu", "auto", 0).dtype == training
    assert compute_for_training("cpu", "fp32", 0).dtype == torch.float32
    assert compute_for_search("cpu", "auto", 0).dtype == torch.float32


@pytest.mark.parametrize("choose", [compute_for_training, compute_for_search])
def test_what_the_machine_cannot_do_is_refused(choose: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--precision bf16: this processor has no AVX-512"):
        choose("cpu", "bf16", 0)  # type: ignore[operator]
    with pytest.raises(ConfigError, match="--device cuda: no GPU"):
        choose("cuda", "auto", 0)  # type: ignore[operator]


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(device.torch, "set_num_threads", chosen.append)
    compute_for_training("cpu", "fp32", 0)
    compute_for_training("cpu", "fp32", 3)
    assert chosen == [3]


def test_autocast_computes_products_in_the_chosen_type() -> None:
    matrix = torch.randn(4, 4)
    for dtype in (torch.float32, torch.bfloat16):
        with device.Compute(torch.device("cpu"), dtype).autocast():
            assert (matrix @ matrix).dtype == dtype
