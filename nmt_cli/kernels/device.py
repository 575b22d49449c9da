"""Chooses device, precision and number of threads, and reports what the CPU is and supports."""

import os
import platform
import re
import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import nn

from nmt_cli.config import Device, Precision, SearchPrecision
from nmt_cli.errors import ConfigError
from nmt_cli.kernels import int8


@dataclass(frozen=True)
class Compute:
    """A device and the dtype of its matmuls. With `int8` the matmuls of search are in 8-bit integers."""

    device: torch.device
    dtype: torch.dtype
    int8: bool = False

    def autocast(self) -> AbstractContextManager[object]:
        """Context in which matmuls and RNNs run in `dtype`, softmax in float32."""
        return self._autocast(self.dtype == torch.bfloat16)

    def encoder_autocast(self) -> AbstractContextManager[object]:
        """The same for the encoder, which with `int8` runs in bf16 if the CPU has fast bf16 (`native_bf16`)."""
        return self._autocast(self.dtype == torch.bfloat16 or (self.int8 and native_bf16(self.device)))

    def _autocast(self, bf16: bool) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16)

    @property
    def precision(self) -> str:
        """The value of `--precision`: fp32, bf16 or int8."""
        return "int8" if self.int8 else "bf16" if self.dtype == torch.bfloat16 else "fp32"

    def __str__(self) -> str:
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, {self.precision}"
        threads = torch.get_num_threads()
        return f"CPU, {threads} thread{'s' if threads > 1 else ''}, {self.precision}"


def cpu_info(fact: str) -> str:
    """The field `fact` of Linux's /proc/cpuinfo, such as "model name"; elsewhere Python's name of the CPU."""
    try:
        match = re.search(rf"{fact}\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:  # another system, or a container that hides it
        match = None
    return match.group(1) if match else platform.processor() or platform.machine()


def describe_machine() -> str:
    """GPU, CPU, number of cores and torch version, to be written beside measured figures."""
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return f"{gpu}{cpu_info('model name')}, {os.cpu_count()} cores, torch {torch.__version__}"


def native_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bf16 faster than fp32 (on a CPU: AVX-512 BF16 or AMX)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    avx512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return avx512 and _has_bf16_instructions() and computes_bf16()


def _has_bf16_instructions() -> bool:
    """Whether torch reports bf16 instructions for this CPU, by `get_capabilities` or, in older versions, a private
    function."""
    if hasattr(torch.cpu, "get_capabilities"):
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    is_supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return is_supported is not None and bool(is_supported())


@cache
def computes_bf16() -> bool:
    """Whether a bf16 model can be trained on this CPU with this build of torch; tried with a small one. oneDNN has no
    bf16 kernels for CPUs without AVX-512, or if ONEDNN_MAX_CPU_ISA excludes them."""
    with torch.random.fork_rng([]), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on some CPUs torch warns before it raises
        layer, projection = nn.LSTM(16, 16, batch_first=True), nn.Linear(16, 16)
        try:
            with torch.autocast("cpu", torch.bfloat16):
                outputs, _ = layer(torch.zeros(2, 3, 16))
                projection(outputs).float().sum().backward()
        except RuntimeError:
            return False
    return True


def compute_for_training(device: Device, precision: Precision, threads: int) -> Compute:
    """Choose device and precision for training; auto selects bf16 where the hardware multiplies it faster than fp32.

    `threads` 0 keeps torch's default, one per core. Raises ConfigError if a GPU is requested and there is none, or bf16
    and the CPU has no kernels for it.
    """
    torch_device = _device(device, threads)
    return _compute(torch_device, precision == "bf16" or (precision == "auto" and native_bf16(torch_device)))


def compute_for_search(device: Device, precision: SearchPrecision, threads: int) -> Compute:
    """Choose device and precision for search; auto selects fp32, because with bf16 rounding near ties are resolved
    differently in different batches."""
    torch_device = _device(device, threads)
    if precision != "int8":
        return _compute(torch_device, precision == "bf16")
    if torch_device.type != "cpu":
        raise ConfigError("precision int8 is for CPUs; use bf16 on a GPU, or device cpu")
    if not int8.works():
        raise ConfigError("precision int8: this PyTorch cannot multiply 8-bit numbers on this CPU; use fp32")
    return Compute(torch_device, torch.float32, int8=True)


def _compute(device: torch.device, bf16: bool) -> Compute:
    if bf16 and device.type == "cpu" and not computes_bf16():
        name = cpu_info("model name")
        raise ConfigError(f"precision bf16: this CPU ({name}) has no bf16 kernels (AVX-512 or later); use fp32")
    return Compute(device, torch.bfloat16 if bf16 else torch.float32)


def _device(device: Device, threads: int) -> torch.device:
    if device == "cuda" and not torch.cuda.is_available():
        why = "" if torch.version.cuda else f" (this PyTorch, {torch.__version__}, was built without CUDA)"
        raise ConfigError(f"device cuda: no GPU that PyTorch can use{why}; use device cpu")
    if threads:
        torch.set_num_threads(threads)
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    local_rank = os.environ.get("LOCAL_RANK")  # set by torchrun, which starts one process per GPU
    if local_rank is not None and int(local_rank) >= torch.cuda.device_count():
        raise ConfigError(
            f"device cuda: {torch.cuda.device_count()} GPUs for process {int(local_rank) + 1} on this machine; "
            "start torchrun with at most one process for each GPU (--nproc-per-node)"
        )
    return torch.device("cuda" if local_rank is None else f"cuda:{local_rank}")
