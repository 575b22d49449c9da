"""The choice of device, precision and threads."""

import platform
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch

from nmt_cli.errors import ConfigError
from nmt_cli.kernels import device
from nmt_cli.kernels.device import Compute, compute_for_search, compute_for_training


@pytest.mark.parametrize(
    ("capability", "has_instructions", "works", "expected"),
    [
        ("AVX512", True, True, torch.bfloat16),
        ("AVX512", True, False, torch.float32),  # as under ONEDNN_MAX_CPU_ISA=AVX2
        ("AVX512", False, True, torch.float32),
        ("AVX2", True, True, torch.float32),
        ("DEFAULT", False, False, torch.float32),
    ],
)
def test_auto_trains_in_bf16_only_where_it_is_fast(
    capability: str, has_instructions: bool, works: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(device, "_has_bf16_instructions", lambda: has_instructions)
    monkeypatch.setattr(device, "computes_bf16", lambda: works)
    assert compute_for_training("cpu", "auto", 0).dtype == expected
    assert compute_for_training("cpu", "fp32", 0).dtype == torch.float32
    assert compute_for_search("cpu", "auto", 0).dtype == torch.float32


@pytest.mark.parametrize("choose", [compute_for_training, compute_for_search])
def test_unsupported_precisions_and_devices_are_rejected(
    choose: Callable[..., Compute], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "computes_bf16", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"precision bf16: this CPU \(.*\) has no bf16 kernels"):
        choose("cpu", "bf16", 0)
    with pytest.raises(ConfigError, match="device cuda: no GPU"):
        choose("cuda", "auto", 0)


def test_more_processes_than_gpus_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device._device("cuda", 0) == torch.device("cuda:1")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ConfigError, match="device cuda: 2 GPUs for process 3 on this machine; start torchrun"):
        device._device("cuda", 0)


@pytest.mark.parametrize(("cuda", "expected"), [(None, "was built without CUDA"), ("13.0", "can use; use device cpu")])
def test_a_pytorch_without_cuda_is_named(cuda: str | None, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    with pytest.raises(ConfigError, match=expected):
        compute_for_search("cuda", "fp32", 0)


def test_a_hidden_cpu_is_named_as_python_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    assert device.cpu_info("model name") == (platform.processor() or platform.machine())


def test_probing_bf16_leaves_the_random_state_unchanged() -> None:
    state = torch.get_rng_state()
    device.computes_bf16.cache_clear()
    works = device.computes_bf16()
    assert torch.equal(torch.get_rng_state(), state)
    layer, rows = torch.nn.LSTM(8, 8, batch_first=True), torch.randn(2, 3, 8)
    with nullcontext() if works else pytest.raises(RuntimeError), torch.autocast("cpu", torch.bfloat16):
        layer(rows)[0].sum().backward()


def test_bf16_instructions_are_read_from_an_older_torch_or_taken_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert device._has_bf16_instructions()
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert not device._has_bf16_instructions()


def test_zero_threads_keeps_the_default_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    compute_for_training("cpu", "fp32", 0)
    compute_for_training("cpu", "fp32", 3)
    assert chosen == [3]


def test_autocast_computes_products_in_the_chosen_dtype() -> None:
    matrix = torch.randn(4, 4)
    for dtype in (torch.float32, torch.bfloat16):
        with Compute(torch.device("cpu"), dtype).autocast():
            assert (matrix @ matrix).dtype == dtype
