"""The time of a search by parts of a step, each method timed as it is called."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from clock import now
from flops import multiplications_per_token

from nmt_cli.checkpoint.model_dir import LoadedModel, build_model
from nmt_cli.config import SearchConfig
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.model.rnn import RNNLayer
from nmt_cli.model.seq2seq import Seq2Seq

BATCH = "a batch"


@dataclass
class Watch:
    """Seconds spent in watched methods, over all threads."""

    device: torch.device
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.local = field(default_factory=threading.local)

    def watch(self, holder: Any, method: str, name: str) -> None:
        """From now on count the time of this method under this name."""
        work: Callable[..., Any] = getattr(holder, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            running: set[str] = self._thread.__dict__.setdefault("running", set())
            if name in running:  # attention with coverage calls itself
                return work(*args, **kwargs)
            running.add(name)
            started = now(self.device)
            result = work(*args, **kwargs)
            seconds = now(self.device) - started
            running.discard(name)
            with self._lock:
                self.seconds[name] += seconds
            return result

        setattr(holder, method, timed)


def _watch_model(watch: Watch, model: Seq2Seq) -> None:
    watch.watch(model, "encode", "encoder")  # with the keys
    watch.watch(model.decoder.readout, "forward", "readout")
    watch.watch(model.output, "forward", "output layer")
    if model.decoder.attention is not None:
        watch.watch(model.decoder.attention, "forward", "attention")


def decode(loaded: LoadedModel, texts: list[str], beam_size: int, batch_size: int) -> dict[str, Any]:
    """Speed of a search with this model, and the seconds of its parts, summed over threads."""
    device = loaded.compute.device
    translator = LineTranslator(loaded, SearchConfig(beam_size=beam_size), Batching(batch_size, len(texts)))
    list(translator.translate_lines(texts))  # oneDNN compiles its kernels
    started = now(device)
    translations = list(translator.translate_lines(texts))
    seconds = now(device) - started
    target_tokens = sum(len(translation.candidates[0].tokens) + 1 for translation in translations)  # EOS
    source_tokens = sum(len(translation.source_tokens) + 1 for translation in translations)
    with torch.device("meta"):  # a prepacked model does not have the shapes of its weights
        sizes = build_model(loaded.config, loaded.tokenizers)
    products = multiplications_per_token(sizes, source_tokens / target_tokens, source_tokens / len(texts), beam_size)

    watch = Watch(device)
    _watch_model(watch, loaded.model)
    watch.watch(translator, "_search_batch", BATCH)
    step = RNNLayer.step
    try:
        watch.watch(RNNLayer, "step", "decoder recurrence")
        list(translator.translate_lines(texts))
    finally:
        RNNLayer.step = step  # type: ignore[method-assign]
    phases = {name: watch.seconds[name] for name in products}
    return {
        "sentences_per_second": len(texts) / seconds,
        "tokens_per_second": target_tokens / seconds,
        "seconds": seconds,
        "beam_size": beam_size,
        "batch_size": batch_size,
        "compute": str(loaded.compute),
        "phases": {**phases, "softmax, search": watch.seconds[BATCH] - sum(phases.values())},
        "products_per_token": products,
        "gflops": 2e-9 * sum(products.values()) * target_tokens / seconds,
    }
