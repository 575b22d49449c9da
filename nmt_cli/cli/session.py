"""Translating sentences as they are typed: a prompt with line editing and history, and questions about the last one."""

from contextlib import suppress
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from nmt_cli.checkpoint.model_dir import LoadedModel, load_ensemble, load_model
from nmt_cli.config import TranslateConfig
from nmt_cli.decoding.confidence import calibration_of
from nmt_cli.decoding.translation import Candidate, Translation
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.errors import NMTError
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.report.console import SafeConsole
from nmt_cli.report.explain.record import explain
from nmt_cli.report.explain.render import show

UNSURE = 0.3
"""Words with a subword of a lower probability are marked."""
HELP = ":n other translations of the last sentence   :why how it was translated   Ctrl-D ends"


def converse(config: TranslateConfig) -> None:
    """Read sentences from the terminal and print their translations, until Ctrl-D or Ctrl-C."""
    with suppress(ImportError):
        import readline  # noqa: F401  # gives input() line editing and history

    console = SafeConsole(highlight=False)
    compute = compute_for_search(config.device, config.precision, config.threads)
    loaded = load_ensemble(config.model, config.ensemble, compute)
    search = config.search
    if not search.sample:
        search = search.model_copy(update={"n_best": search.beam_size})  # all that the beam finds, for :n
    translator = LineTranslator(loaded, search, Batching(config.batch_size), tag=config.tag)
    languages = loaded.manifest.source, loaded.manifest.target
    console.print(Text(f"{config.model}: {' -> '.join(languages)}. {HELP}", style="dim"))
    if calibration_of(loaded) is None:
        console.print(Text("its confidence is not calibrated: doubtful translations are not marked", style="dim"))
    last: Translation | None = None
    while True:
        try:
            line = input(f"{languages[0]}> ")
            if line.strip() in (":n", ":why"):
                _answer(console, line.strip(), loaded, config, last)
            elif line.strip().startswith(":"):
                console.print(Text(HELP, style="dim"))
            elif line.strip():
                (last,) = translator.translate_lines([line])
                _print(console, last)
        except UnicodeDecodeError as error:
            console.print(Text(f"not UTF-8: {error.reason}", style="yellow"))
        except (EOFError, KeyboardInterrupt):
            console.print()
            return


def _print(console: Console, translation: Translation) -> None:
    best = translation.candidates[0]
    text = marked(best)
    low = translation.low_confidence
    text.append(f"   {'low ' * low}confidence {best.confidence:.2f}", style="yellow" if low else "dim")
    if unsure := unsure_words(best):
        text.append(f", unsure: {', '.join(unsure)}", style="dim")
    console.print(text)


def _answer(
    console: Console, command: str, loaded: LoadedModel, config: TranslateConfig, last: Translation | None
) -> None:
    if last is None:
        console.print(Text("type a sentence first", style="dim"))
    elif command == ":n":
        for candidate in last.candidates:
            line = marked(candidate)
            line.append(f"   {candidate.score:.3f}", style="dim")
            console.print(line)
    else:
        try:
            model, text = _in_fp32(loaded, config), last.line.text
            show(explain(model, text, config.search.beam_size, 5, tag=config.tag), console, summary=True)
            console.print(Text("nmt explain shows every step", style="dim"))
        except NMTError as error:
            console.print(Text(str(error), style="yellow"))


def _in_fp32(loaded: LoadedModel, config: TranslateConfig) -> LoadedModel:
    """The first model of an ensemble in fp32, as `nmt explain` shows it."""
    if loaded.compute.precision == "fp32":
        return replace(loaded, ensemble=())
    return load_model(config.model, compute_for_search(config.device, "fp32", config.threads))


def _probabilities(candidate: Candidate) -> list[tuple[str, float]]:
    """Each word with the least probability of its subwords; empty if words are not separated by spaces."""
    words = candidate.text.split(" ")
    if not candidate.tokens or len(words) != max(candidate.words) + 1:
        return []
    least = [1.0] * len(words)
    for word, probability in zip(candidate.words, candidate.probabilities, strict=False):
        least[word] = min(least[word], probability)
    return list(zip(words, least, strict=True))


def unsure_words(candidate: Candidate) -> list[str]:
    """The words of a translation that the model was not sure of."""
    return [word for word, probability in _probabilities(candidate) if probability < UNSURE]


def marked(candidate: Candidate) -> Text:
    """A translation with its unsure words in yellow."""
    words = _probabilities(candidate)
    if not words:
        return Text(candidate.text)
    return Text(" ").join(Text(word, style="yellow" if probability < UNSURE else "") for word, probability in words)
