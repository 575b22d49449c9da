"""Options of `nmt eval`, `report` and `bench`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from nmt_cli.config.translate import SearchConfig, TranslationConfig
from nmt_cli.config.values import DEFAULT_MODEL, Count, Device, Language, Positive, Threads
from nmt_cli.settings import CliOption, Settings


class EvaluateConfig(TranslationConfig):
    """BLEU, chrF and TER with signatures, confidence intervals and scores by sentence length."""

    source_file: Annotated[Path | None, CliOption(argument=True, path="input")] = None
    """File to translate, with its --reference, instead of a stored split; also compressed (.gz, .bz2, .xz, .zst)."""
    model: Annotated[Path | None, CliOption("Input", short="-m", path="input")] = None
    """Model folder (default: model, unless --hypotheses is given)."""
    split: Annotated[Literal["dev", "test"], CliOption("Input")] = "test"
    """Split of the prepared corpus to translate if no files are given."""
    prepared: Annotated[Path | None, CliOption("Input", path="input")] = None
    """Prepared corpus with that split; by default the one that the model was trained on."""
    reference: Annotated[list[Path], CliOption("Input", path="input")] = []
    """Reference translation, one line per source line, instead of the stored one; may be given several times."""
    hypotheses: Annotated[Path | None, CliOption("Input", path="input")] = None
    """Score this translation instead of translating. Needs no model; a given --model supplies corpus and languages."""
    target: Annotated[Language | None, CliOption("Input")] = None
    """Target language, whose script selects BLEU's tokenizer; by default that of the model or the prepared corpus."""
    gold_alignment: Annotated[Path | None, CliOption("Statistics", path="input")] = None
    """Gold word alignment of source and reference (i-j sure, ipj possible, from 0; or in NAACL's form). Also reports
    the alignment error rate of the model's attention under forced decoding of the reference."""
    baseline: Annotated[Path | None, CliOption("Statistics", path="input")] = None
    """Another system: its translation of the same lines, or a model folder, which translates with the same search.
    Tests whether the difference is significant, and lists the sentences that differ most."""
    significance: Annotated[Literal["bootstrap", "randomisation"], CliOption("Statistics")] = "bootstrap"
    """Paired significance test against the baseline."""
    resamples: Annotated[Positive, CliOption("Statistics")] = 1000
    """Bootstrap resamples for the confidence intervals, and resamples or trials of the paired test."""
    worst: Annotated[Count, CliOption("Output")] = 5
    """Number of worst sentences to show, of those that differ most from the baseline, and, on the page of --html, of
    the least confident."""
    json_: Annotated[bool, CliOption("Output")] = Field(default=False, alias="json")
    """Print one JSON object instead of tables."""
    save: Annotated[Path | None, CliOption("Output", path="output")] = None
    """Also write the translation to this file."""
    html: Annotated[Path | None, CliOption("Output", path="output")] = None
    """Also write a page about the model and this evaluation to this file, with the attention of its worst and least
    confident sentences. An older page of nmt with this name is replaced."""
    overwrite: Annotated[bool, CliOption("Output")] = False
    """Replace the files of --save and --html even if they are not pages of nmt."""

    def implied_inputs(self) -> list[tuple[str, Path]]:
        return [] if self.model or self.hypotheses else [("--model", DEFAULT_MODEL)]


class ReportConfig(Settings):
    """A page about a model, or about several side by side."""

    model: Annotated[list[Path], CliOption(argument=True, path="input")] = [Path("model")]
    """Model folders; the first is the one that the others are compared with."""
    out: Annotated[Path, CliOption("Output", path="output")] = Path("report.html")
    """Page to write. An older page of nmt with this name is replaced."""
    overwrite: Annotated[bool, CliOption("Output")] = False
    """Replace the file of --out even if it is not a page of nmt."""
    worst: Annotated[Count, CliOption("Output")] = 5
    """Number of worst, of least confident and of most differing sentences to show."""
    split: Annotated[Literal["dev", "test"] | None, CliOption("Input")] = None
    """Split of the prepared corpus to translate; by default test, or dev if test is empty."""
    prepared: Annotated[Path | None, CliOption("Input", path="input")] = None
    """Prepared corpus with that split; by default the one that each model was trained on."""
    source_file: Annotated[Path | None, CliOption("Input", path="input")] = None
    """Translate this file instead of a stored split (with --reference)."""
    reference: Annotated[list[Path], CliOption("Input", path="input")] = []
    """Reference translation, one line per source line, instead of the stored one; may be given several times."""
    beam_size: Annotated[Positive, CliOption("Search")] = 5
    """Beam size; 1 is greedy search."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute; auto uses a GPU if there is one."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """CPU threads; 0 uses all."""


class BenchConfig(Settings):
    """Measure how fast a model translates on this machine at each setting, and the cost in quality."""

    model: Annotated[Path, CliOption(argument=True, path="input")] = Path("model")
    """Model folder."""
    source_file: Annotated[Path | None, CliOption(argument=True, path="input")] = None
    """File to translate instead of a stored split; also compressed (.gz, .bz2, .xz, .zst)."""
    reference: Annotated[Path | None, CliOption("Input", path="input")] = None
    """Reference translation of that file, one line per source line, for BLEU."""
    prepared: Annotated[Path | None, CliOption("Input", path="input")] = None
    """Prepared corpus to translate from; by default the one that the model was trained on."""
    split: Annotated[Literal["dev", "test"], CliOption("Input")] = "test"
    """Split of that corpus to translate."""
    lines: Annotated[Positive, CliOption("Input")] = 300
    """Lines to time, spread over the text (at most 40 when translated one by one); BLEU is of the whole text."""
    precision: Annotated[list[Literal["fp32", "bf16", "int8"]], CliOption("Compared")] = []
    """Precision to compare; may be given several times. Default: all that this machine supports."""
    batch_size: Annotated[list[Positive], CliOption("Compared")] = [16, 64, 256]
    """Sentences translated together; may be given several times."""
    threads: Annotated[list[Positive], CliOption("Compared")] = []
    """CPU threads; may be given several times. Default: one, and all."""
    repeats: Annotated[Positive, CliOption("Run")] = 3
    """Times to measure everything, in turn; the median is reported."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute."""
    json_: Annotated[bool, CliOption("Output")] = Field(default=False, alias="json")
    """Print one JSON object instead of a table."""
    search: SearchConfig = SearchConfig()
