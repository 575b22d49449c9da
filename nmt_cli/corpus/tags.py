"""Tags: a tag is one subword before the source, by which a model tells its training corpora apart.

The user names a tag; its number in the list of a manifest is its slot, and each slot is a control symbol that every
vocabulary trained by nmt reserves, so that a model can be given new tags later without new subwords.
"""

from collections.abc import Sequence

from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.errors import ConfigError
from nmt_cli.special_tokens import TAG_PIECES


def check_slots(tags: Sequence[str], tokenizer: Tokenizer, origin: str) -> None:
    """Raise ConfigError unless the tokenizer from `origin` has a slot for each tag."""
    missing = TAG_PIECES[len(tokenizer.tags) : len(tags)]
    if missing:
        raise ConfigError(
            f"--tag: {origin} has no control symbols {', '.join(missing)}; leave out --tag, let nmt train the subwords "
            f"or train them with --control_symbols={','.join(TAG_PIECES[: len(tags)])}"
        )


def check_tag(name: str, tags: Sequence[str], origin: str) -> None:
    """Raise ConfigError unless `name` is one of the tags of the model `origin`."""
    if name not in tags:
        known = f"it has {', '.join(tags)}" if tags else "it was trained without tags; leave out --tag"
        raise ConfigError(f"--tag {name}: {origin} has no such tag; {known}")
