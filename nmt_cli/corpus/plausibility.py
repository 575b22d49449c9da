"""Whether a text can be what it is said to be: two languages, each in its script, and not ids or numbers."""

import re
from collections.abc import Sequence

from nmt_cli.corpus.columns import shorten
from nmt_cli.corpus.normalization import is_blank
from nmt_cli.corpus.writing_systems import Script
from nmt_cli.errors import CorpusError

_SAMPLE = 256
"""Pairs looked at in each chunk."""
_PREFIX = 1000
"""Characters looked at in each segment."""
_EVIDENCE = 10
"""Segments from which a text is judged; fewer may be chance."""
_NUMBER = re.compile(r"\S*\d\S*")
"""A number or an id; several, separated by spaces, may be text."""


class Plausibility:
    """Counts over a sample of a text, of languages whose scripts are known."""

    def __init__(self, languages: tuple[str, str]) -> None:
        self._languages = languages
        self._scripts = [Script(language) for language in languages]
        known = all(script.known for script in self._scripts)
        self._differ = known and not self._scripts[0].names & self._scripts[1].names
        self._with_letters = [0, 0]
        self._numbers: list[list[str]] = [[], []]
        self._wrong: list[list[str]] = [[], []]

    def sample(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Look at some of these pairs."""
        for pair in pairs[:: -(-len(pairs) // _SAMPLE)]:
            for side, whole in enumerate(pair):
                text = whole[:_PREFIX]
                if is_blank(text):
                    continue
                if any(map(str.isalpha, text)):
                    self._with_letters[side] += 1
                    if self._scripts[side].is_wrong(text):
                        self._wrong[side].append(text)
                elif _NUMBER.fullmatch(text.strip()):
                    self._numbers[side].append(text)

    def check(self, name: str) -> None:
        """Raise CorpusError if most segments of one side, but not of the other, are numbers or, where the scripts of
        the languages differ, in a script that is not the language's."""
        for side, language in enumerate(self._languages):
            numbers, wrong, others = self._numbers[side], self._wrong[side], self._with_letters[side]
            words = self._with_letters[1 - side] >= len(self._numbers[1 - side])  # sums and their results are no ids
            if self._scripts[side].known and words and len(numbers) > max(_EVIDENCE - 1, others):
                raise CorpusError(
                    f"{name}: most {language} segments are numbers, such as {shorten(numbers[0])}; "
                    "choose other columns with --source-field and --target-field, or give other text"
                )
            if self._differ and len(wrong) > max(_EVIDENCE - 1, others - len(wrong)):
                raise CorpusError(
                    f"{name}: most {language} segments are not in the script of {language}, such as "
                    f"{shorten(wrong[0])}; check the files, --source and --target (romanised text has a code of its "
                    f"own, such as {language.split('-')[0]}-Latn)"
                )
