"""Weights of training texts, as they are given: TEXT=WEIGHT."""

MAX_WEIGHT = 1000.0


def split_weight(given: str) -> tuple[str, float | None]:
    """The text and the number after its last `=`; the whole and None if there is none. A URL with a query has `=` of
    its own, and so no weight."""
    text, _, number = given.rpartition("=")
    if not text or ("://" in text and "?" in text):
        return given, None
    try:
        return text, float(number)
    except ValueError:
        return given, None
