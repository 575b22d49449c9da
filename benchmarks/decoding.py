"""Where the time of a search goes: the parts of a step, each timed as it is called."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from clock import now
from products import multiplications

from nmt_cli.checkpoint.model_dir import LoadedModel, build_model
from nmt_cli.config import SearchConfig
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.model.rnn import RNNLayer
from nmt_cli.model.seq2seq import Seq2Seq

WHOLE = "a batch"


@dataclass
class Watch:
    """Seconds of everything that is watched, over all threads."""

    device: torch.device
    taken: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _no_sync: threading.Lock = field(default_factory=threading.Lock)
    _mine: threading.local = field(default_factory=threading.local)

    def watch(self, holder: Any, method: str, name: str) -> None:
        """From now on the time of this method counts under this name."""
        work: Callable[..., Any] = getattr(holder, method)

        def timed(*given: Any, **named: Any) -> Any:
            running: set[str] = self._mine.__dict__.setdefault("running", set())  # on this thread
            if name in running:  # attention that covers calls itself
                return work(*given, **named)
            running.add(name)
            started = now(self.device)
            result = work(*given, **named)
            seconds = now(self.device) - started
            running.discard(name)
            with self._no_sync:
                self.taken[name] += seconds
            return result

        setattr(holder, method, timed)


def _watch_model(watch: Watch, model: Seq2Seq) -> None:
    watch.watch(model, "encode", "encoder")  # with the keys
    watch.watch(model.decoder.readout, "forward", "readout")
    watch.watch(model.output, "forward", "output layer")
    if model.decoder.attention is not None:
        watch.watch(model.decoder.attention, "forward", "attention")


def decode(loaded: LoadedModel, texts: list[str], beam_size: int, batch_size: int) -> dict[str, Any]:
    """Speed of a search by this model, and the seconds of its parts, added up over the threads that it runs on."""
    device = loaded.compute.device
    translator = LineTranslator(loaded, SearchConfig(beam_size=beam_size), Batching(batch_size, len(texts)))
    list(translator.translate_lines(texts))  # the library compiles its kernels
    started = now(device)
    found = list(translator.translate_lines(texts))
    seconds = now(device) - started
    out = sum(len(translation.candidates[0].tokens) + 1 for translation in found)  # EOS
    read = sum(len(translation.source_tokens) + 1 for translation in found)
    with torch.device("meta"):  # for its sizes, which a prepacked model does not tell
        sizes = build_model(loaded.config, loaded.tokenizers)
    products = multiplications(sizes, read / out, read / len(texts), beam_size)

    watch = Watch(device)
    _watch_model(watch, loaded.model)
    watch.watch(translator, "_search_batch", WHOLE)
    step = RNNLayer.step
    try:
        watch.watch(RNNLayer, "step", "decoder recurrence")
        list(translator.translate_lines(texts))
    finally:
        RNNLayer.step = step  # type: ignore[method-assign]
    phases = {name: watch.taken[name] for name in products}
    return {
        "sentences_per_second": len(texts) / seconds,
        "tokens_per_second": out / seconds,
        "seconds": seconds,
        "beam_size": beam_size,
        "batch_size": batch_size,
        "compute": str(loaded.compute),
        "phases": {**phases, "softmax, search": watch.taken[WHOLE] - sum(phases.values())},
        "products_per_token": products,
        "gflops": 2e-9 * sum(products.values()) * out / seconds,
    }
