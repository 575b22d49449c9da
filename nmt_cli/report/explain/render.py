"""Shows an explanation: in the terminal, or as a page to step through."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nmt_cli.atomic import write_atomic
from nmt_cli.config import ModelConfig
from nmt_cli.report.console import SafeConsole
from nmt_cli.report.explain.record import AttentionRecord, Explanation, Step, Vector
from nmt_cli.report.heatmap import printable
from nmt_cli.report.html import embedded_json, render
from nmt_cli.report.terminal_heatmap import TerminalHeatmap

SHOWN = 6
"""Number of source tokens shown for each output token: those with the largest weights."""
LEAST_CERTAIN = 3
"""Number of steps of lowest probability that are listed first."""
BAR = 12
"""Width of the bar of weight 1, in characters."""
NUMBERS = 3
"""Numbers of a vector that the terminal shows."""
STRIP = 48
"""Numbers of a vector that the page shows, as coloured cells."""
DIGITS = 6
"""Decimal places of the numbers in the page, enough to round as the terminal does."""

SCORES = {
    "dot": "q . h",
    "scaled-dot": "q . h / sqrt(d)",
    "general": "q . W h",
    "scaled-general": "q . W h / sqrt(d)",
    "concat": "v . tanh(W [q; h])",
    "mlp": "v . tanh(U tanh(W [q; h]))",
    "location": "(W q) at h's position",
}

CASES = {
    "capitals": "given in capitals, translated from its usual case",
    "title": "given in title case, translated from its usual case",
}

LOCAL = {"monotonic": "moving", "predictive": "predicted"}

QUERIES = {
    "luong": "the query is the decoder's state, after the recurrence (Luong)",
    "bahdanau": "the query is the decoder's previous state, before the recurrence (Bahdanau)",
    "gnmt": "the query is the bottom layer's output, the context feeds the layers above (GNMT)",
    "none": "none: the decoder starts from the encoder's final state",
    "none-repeat": "none: the encoder's final state is the input of every step",
}


def score_text(config: ModelConfig) -> str:
    """The score function, and what else determines the weights."""
    parts = [SCORES[config.score]]
    if config.heads > 1:
        parts.append(f"for each of {config.heads} heads (scores and weights shown are their means)")
    if config.coverage:
        parts.append("with coverage added to h")
    if config.local_attention != "none":
        position = LOCAL[config.local_attention]
        parts.append(f"only {config.local_window} tokens on either side of a {position} position are attended to")
    return ", ".join(parts)


def value_text(config: ModelConfig) -> str:
    """What a value consists of."""
    return "the encoder's state h" + (" plus the token's embedding" if config.embedded_values else "")


def readout_text(config: ModelConfig) -> str:
    """What the readout is computed from."""
    parts = ["s"] if config.readout == "plain" else ["s", "previous word"]
    return f"[{'; '.join([*parts, 'c'] if config.attends else parts)}]"


def no_attention_text(explained: Explanation) -> str:
    """What a decoder without attention receives from the encoder."""
    config, size = explained.config, len(explained.final)
    if config.attention == "none-repeat":
        return (
            "This model has no attention. All that its decoder receives of the sentence is one fixed vector of "
            f"{size} numbers, the encoder's final state, which is the input of every step."
        )
    states = "hidden and cell state" if config.cell == "lstm" else "state"
    layers = f"each of {config.encoder_layers} layers" if config.encoder_layers > 1 else "its layer"
    return (
        f"This model has no attention. Its decoder starts from the encoder's final {states} of {layers}, {size} "
        "numbers each, and receives nothing else of the sentence. Shown is the hidden state of the top layer."
    )


def show(explained: Explanation, console: Console | None = None, summary: bool = False) -> None:
    """Print an explanation, or only its `summary`, to standard output, or to `console`."""
    console = console or SafeConsole(highlight=False)
    for part in _summary(explained) if summary else (*_summary(explained), *_steps(explained)):
        console.print(part)


def _summary(explained: Explanation) -> Iterator[RenderableType]:
    config = explained.config
    yield Text.assemble(("source       ", "bold"), printable(explained.text))
    if explained.case:
        yield Text(f"             {CASES[explained.case]}", style="dim")
    yield Text.assemble(("translation  ", "bold"), printable(explained.translation))
    yield Text.assemble(("attention    ", "bold"), QUERIES[config.attention])
    if explained.values is not None:
        yield Text.assemble(("score        ", "bold"), score_text(config))
    if explained.attention is not None:
        yield Text("\nAttention between words, in per cent", style="bold")
        yield TerminalHeatmap(explained.attention)
    yield Text("\nLeast certain steps", style="bold")
    yield _least_certain(explained.steps)


def _steps(explained: Explanation) -> Iterator[RenderableType]:
    if explained.values is None:
        yield Text(f"\n{no_attention_text(explained)}\n{_numbers(explained.final)}")
    else:
        yield Text(f"\nThe encoder's output: a value for every token, {value_text(explained.config)}", style="bold")
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("", "token", f"value v, of {explained.values.shape[1]} numbers"):
            table.add_column(name, justify="right" if not name else "left")
        for position, (token, value) in enumerate(zip(explained.source, explained.values, strict=True), start=1):
            table.add_row(f"{position}", Text(printable(token)), _numbers(value))
        yield table
    for number, step in enumerate(explained.steps, start=1):
        yield Text.assemble("\n", (f"{number}  {printable(step.token)}", "bold"), f"  p = {step.probability:.3f}")
        yield Group(*_step(explained, step))


def _least_certain(steps: Sequence[Step]) -> Table:
    """The steps of lowest probability, lowest first, and the most probable token that was not chosen."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("step", "token", "p", "runner-up", "p"):
        table.add_column(name, justify="right" if name in ("step", "p") else "left", no_wrap=True)
    numbered = sorted(enumerate(steps, start=1), key=lambda item: item[1].probability)
    for number, step in numbered[:LEAST_CERTAIN]:
        other, probability = next(((t, f"{p:.3f}") for t, p in step.best if t != step.token), ("", ""))
        chosen = Text(printable(step.token))
        table.add_row(str(number), chosen, f"{step.probability:.3f}", Text(printable(other)), probability)
    return table


def _step(explained: Explanation, step: Step) -> Iterator[RenderableType]:
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    state, readout = f"s = {_numbers(step.state)}", _numbers(step.readout)
    if step.attention is not None:
        assert explained.values is not None
        yield Padding(_attention_table(explained, step.attention, explained.values), (0, 0, 0, 3))
        rows.add_row("query", f"q = {_numbers(step.attention.query)}")
        heads = explained.config.heads
        origin = "the sum of weight x v" if heads == 1 else f"the contexts of {heads} heads, concatenated"
        rows.add_row("context", f"c = {_numbers(step.attention.context)}, {origin}")
    rows.add_row("state", state)
    rows.add_row("readout", Text(f"r = {readout}, of {readout_text(explained.config)}"))
    best = "  ".join(f"{printable(token)} {probability:.3f}" for token, probability in step.best)
    rows.add_row("next", Text(best))
    yield Padding(rows, (0, 0, 0, 3))


def _attention_table(explained: Explanation, attention: AttentionRecord, values: Vector) -> Table:
    """The tokens with the largest weights: score, weight, and their part of the context."""
    single_head = explained.config.heads == 1  # of several heads these weights are only the mean
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("", "token", "score", "weight", "", *["weight x v"] * single_head):
        right = name in ("score", "weight") or not table.columns
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    order = np.argsort(-attention.weights, kind="stable")
    for position in order[:SHOWN].tolist():
        weight = float(attention.weights[position])
        bar = "█" * round(BAR * weight) or ("▏" if weight >= 0.01 else "")
        product = [_numbers(weight * values[position])] * single_head
        token = Text(printable(explained.source[position]))
        table.add_row(str(position + 1), token, f"{attention.scores[position]:.2f}", f"{weight:.3f}", bar, *product)
    if rest := order[SHOWN:].tolist():
        table.add_row("", f"{len(rest)} others", "", f"{float(attention.weights[rest].sum()):.3f}")
    return table


def _numbers(vector: Vector) -> str:
    return (
        "(" + " ".join(f"{value:+.2f}" for value in vector[:NUMBERS]) + (" ..." if len(vector) > NUMBERS else "") + ")"
    )


def write_page(explained: Explanation, path: Path) -> None:
    """Write a self-contained page to step through the output tokens: scores, weights, the resulting context, and the
    most probable next tokens."""
    content = {
        "languages": [printable(language) for language in explained.languages],
        "heads": explained.config.heads,
        "joined": readout_text(explained.config),
        "source": [printable(token) for token in explained.source],
        "values": None if explained.values is None else _strips(explained.values),
        "final": _strip(explained.final),
        "steps": [
            {
                "token": printable(step.token),
                "probability": round(step.probability, DIGITS),
                "scores": None if step.attention is None else _rounded(step.attention.scores),
                "weights": None if step.attention is None else _rounded(step.attention.weights),
                "query": None if step.attention is None else _strip(step.attention.query),
                "context": None if step.attention is None else _strip(step.attention.context),
                "state": _strip(step.state),
                "readout": _strip(step.readout),
                "best": [[printable(token), round(probability, DIGITS)] for token, probability in step.best],
            }
            for step in explained.steps
        ],
    }
    config = explained.config
    page = render(
        "explanation.html",
        "explanation.js",
        languages=content["languages"],
        text=printable(explained.text),
        case=CASES[explained.case] if explained.case else None,
        translation=printable(explained.translation),
        query=QUERIES[config.attention],
        score=None if explained.values is None else score_text(config),
        fixed=None if explained.values is not None else no_attention_text(explained),
        value=value_text(config),
        size=len(explained.final),
        strip=min(STRIP, len(explained.final)),
        content=embedded_json(content),
    )
    write_atomic(path, page)


def _strips(vectors: Vector) -> list[list[float]]:
    return [_strip(vector) for vector in vectors]


def _strip(vector: Vector) -> list[float]:
    return _rounded(vector[:STRIP])


def _rounded(vector: Vector) -> list[float]:
    return [round(float(value), DIGITS) for value in vector]
