"""A translation that repeats itself or is far longer than its source is searched again, with repetition blocked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from nmt_cli.config import SearchConfig
from nmt_cli.decoding.hypothesis import Hypothesis
from nmt_cli.decoding.repetition import find_loop

BLOCKED_NGRAMS = (3, 2)
"""Sizes of n-grams that a translation must not repeat, in the order they are tried."""
MAX_LENGTH_RATIO, LENGTH_SLACK = 2.5, 5
"""A length ratio is unusual if the longer side has more than MAX_LENGTH_RATIO times the subwords of the other
plus LENGTH_SLACK."""

Defect = Literal["repetition", "length_ratio"]

Request = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""All that a search result depends on: the subwords of tag and source, target prefix, and, for sampling, the seeds of
its draws."""

Results = dict[Request, list[Hypothesis]]


def defect(target: Sequence[int], source: Sequence[int]) -> Defect | None:
    """What is wrong with a translation that repeats itself or is far longer than its source."""
    if find_loop(target, source):
        return "repetition"
    return "length_ratio" if is_far_longer(len(target), len(source)) else None


def is_far_longer(longer: int, shorter: int) -> bool:
    """Whether so many subwords are unusual beside so few of the other side."""
    return longer > MAX_LENGTH_RATIO * shorter + LENGTH_SLACK


def search_again(
    results: Mapping[Request, list[Hypothesis]],
    search: Callable[[list[Request], SearchConfig], Results],
    options: SearchConfig,
    decode: Callable[[Sequence[int]], str],
    tag: int = 0,
) -> Results:
    """Better results for the requests whose best hypothesis has a defect, found by `search` with repeated n-grams
    blocked; requests for which every search has a defect or finds no text, by `decode`, are left out. The first `tag`
    subwords of a source are its tag."""

    def defect_of(request: Request, hypotheses: Sequence[Hypothesis]) -> Defect | None:
        return defect(hypotheses[0].tokens, request[0][tag:])

    found: Results = {}
    defects = {request: kind for request, best in results.items() if (kind := defect_of(request, best))}
    for size in BLOCKED_NGRAMS:
        left = [request for request in defects if request not in found]
        if not left or 0 < options.no_repeat_ngram_size <= size:
            continue
        for request, hypotheses in search(left, options.model_copy(update={"no_repeat_ngram_size": size})).items():
            if defect_of(request, hypotheses) is None and decode(hypotheses[0].tokens):
                kind = defects[request]
                found[request] = [replace(hypothesis, searched_again=kind) for hypothesis in hypotheses]
    return found
