"""The tag before the source of a model's input."""

from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.corpus.tags import check_slots, check_tag
from nmt_cli.errors import ConfigError


def source_tag(loaded: LoadedModel, name: str | None) -> tuple[int, ...]:
    """The subword ids, one or none, that stand before every source if it is translated with this tag.

    Raises ConfigError naming the tags of a model that does not have it.
    """
    if name is None:
        return ()
    models = (loaded, *loaded.ensemble)
    for model in models:
        check_tag(name, model.manifest.tags, str(model.path))
        check_slots(model.manifest.tags, model.tokenizers.source, str(model.path))
    slots = [model.manifest.tags.index(name) for model in models]
    for model, slot in zip(models, slots, strict=True):
        if slot != slots[0]:
            raise ConfigError(
                f"--tag {name}: is tag {slots[0] + 1} of {loaded.path} but tag {slot + 1} of {model.path}; an ensemble "
                "needs models with the same tags in the same order"
            )
    return (loaded.tokenizers.source.tags[slots[0]],)
