"""Where to compute, in which arithmetic, on how many threads; and what the CPU is and can do."""

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
    """A device and the type of its matrix products. With `int8` those of search are in whole numbers."""

    device: torch.device
    dtype: torch.dtype
    int8: bool = False

    def autocast(self) -> AbstractContextManager[object]:
        """Within it matrix products and recurrences run in `dtype`, softmax in float32."""
        return self._autocast(self.dtype == torch.bfloat16)

    def encoder_autocast(self) -> AbstractContextManager[object]:
        """The same for the encoder, which with `int8` runs in bf16 where the processor has it."""
        return self._autocast(self.dtype == torch.bfloat16 or (self.int8 and native_bf16(self.device)))

    def _autocast(self, bf16: bool) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16)

    @property
    def precision(self) -> str:
        """The name of the arithmetic, as `--precision` has it."""
        return "int8" if self.int8 else "bf16" if self.dtype == torch.bfloat16 else "fp32"

    def __str__(self) -> str:
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, {self.precision}"
        threads = torch.get_num_threads()
        return f"CPU, {threads} thread{'s' if threads > 1 else ''}, {self.precision}"


def cpu_info(fact: str) -> str:
    """What Linux says of the processor, by the name of the fact in /proc/cpuinfo; elsewhere all that is known of it."""
    told = Path("/proc/cpuinfo")
    found = re.search(rf"{fact}\s*: (.*)", told.read_text(encoding="utf-8")) if told.exists() else None
    return found.group(1) if found else platform.processor() or platform.machine()


def describe_machine() -> str:
    """Processor, cores and library, for whoever reads figures measured here."""
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return f"{gpu}{cpu_info('model name')}, {os.cpu_count()} cores, torch {torch.__version__}"


def native_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bf16 faster than fp32 (on a CPU: AVX-512 BF16 or AMX)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return wide and _has_bf16_instructions() and computes_bf16()


def _has_bf16_instructions() -> bool:
    """What torch says of this CPU: by a function that newer versions have, or else by a private one of older ones."""
    if hasattr(torch.cpu, "get_capabilities"):
        told = torch.cpu.get_capabilities()
        return bool(told.get("avx512_bf16") or told.get("amx_bf16"))
    older = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return older is not None and bool(older())


@cache
def computes_bf16() -> bool:
    """Whether this CPU and this build of torch train a bf16 model, tried with a small one: oneDNN has no bf16 kernels
    for CPUs without AVX-512, nor where ONEDNN_MAX_CPU_ISA rules them out."""
    with torch.random.fork_rng([]), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on some CPUs torch says first what it then fails at
        layer, projection = nn.LSTM(16, 16, batch_first=True), nn.Linear(16, 16)
        try:
            with torch.autocast("cpu", torch.bfloat16):
                outputs, _ = layer(torch.zeros(2, 3, 16))
                projection(outputs).float().sum().backward()
        except RuntimeError:
            return False
    return True


def compute_for_training(device: Device, precision: Precision, threads: int) -> Compute:
    """Choose device and arithmetic: auto takes bf16 where the hardware multiplies it faster.

    `threads` of 0 leaves the library's choice: one per core. Raises ConfigError if a GPU is asked for and there is
    none, or bf16 and the processor cannot.
    """
    chosen = _device(device, threads)
    return _compute(chosen, precision == "bf16" or (precision == "auto" and native_bf16(chosen)))


def compute_for_search(device: Device, precision: SearchPrecision, threads: int) -> Compute:
    """The same for search, where auto takes fp32: rounded to bf16, near ties fall differently in different batches."""
    chosen = _device(device, threads)
    if precision != "int8":
        return _compute(chosen, precision == "bf16")
    if chosen.type != "cpu":
        raise ConfigError("precision int8 is for CPUs; take bf16 on a GPU, or device cpu")
    if not int8.works():
        raise ConfigError("precision int8: this PyTorch cannot multiply 8-bit numbers on this CPU; take fp32")
    return Compute(chosen, torch.float32, int8=True)


def _compute(device: torch.device, bf16: bool) -> Compute:
    if bf16 and device.type == "cpu" and not computes_bf16():
        name = cpu_info("model name")
        raise ConfigError(f"precision bf16: this CPU ({name}) has no bf16 kernels (AVX-512 or later); take fp32")
    return Compute(device, torch.bfloat16 if bf16 else torch.float32)


def _device(device: Device, threads: int) -> torch.device:
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: no GPU that this PyTorch can use; take device cpu")
    if threads:
        torch.set_num_threads(threads)
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    place = os.environ.get("LOCAL_RANK")  # which of a machine's GPUs, where torchrun starts a process for each
    return torch.device("cuda" if place is None else f"cuda:{place}")
