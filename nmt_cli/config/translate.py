"""Options of the commands that translate, score or explain: `nmt translate`, `bulk`, `augment`, `score`, `explain`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nmt_cli.config.preprocess import ParallelTextConfig
from nmt_cli.config.values import (
    DEFAULT_MODEL,
    LEXICON_WIDTH,
    Count,
    Device,
    Positive,
    SearchPrecision,
    TagName,
    Threads,
)
from nmt_cli.settings import CliOption, Settings


class SearchConfig(Settings):
    """How translations are searched for or sampled."""

    beam_size: Annotated[Positive, CliOption("Search")] = 5
    """Beam size; 1 is greedy search."""
    n_best: Annotated[Positive, CliOption("Search")] = 1
    """Translations to output for each line, at most beam_size, or samples to draw; fewer if search finds fewer."""
    length_penalty: Annotated[float, Field(ge=0), CliOption("Search")] = 1.0
    """Exponent a of the length normalisation ((5 + length) / 6)^a (Wu et al. 2016); 0 turns it off."""
    coverage_penalty: Annotated[float, Field(ge=0), CliOption("Search")] = 0.0
    """Weight b of the coverage penalty b * sum_j log min(sum_i a_ij, 1) (Wu et al. 2016)."""
    min_length: Annotated[Count, CliOption("Search")] = 0
    """Minimum number of subwords in a translation."""
    max_length: Annotated[Count, CliOption("Search")] = 0
    """Maximum number of subwords in a translation; 0 allows three times the source length plus 20."""
    no_repeat_ngram_size: Annotated[Count, CliOption("Search")] = 0
    """Never generate the same n-gram of this many subwords twice; 0 allows it."""
    search_again: Annotated[bool, CliOption("Search")] = True
    """If a translation repeats itself or is far longer than its source, search again without repeated n-grams, and keep
    the result unless it has such a defect too; if that of a single word is not one word, search for one with the
    lexicon. Not with --sample."""
    truecase: Annotated[bool, CliOption("Search")] = True
    """Translate a line in capitals or title case from its usual case; the translation of capitals is put in
    capitals."""
    shortlist: Annotated[Count, Field(le=LEXICON_WIDTH), CliOption("Search")] = 0
    """Restrict the output vocabulary of a batch to this many most probable translations of each source subword, from
    the lexicon that nmt preprocess trains, and the most frequent subwords; 0 uses the whole vocabulary. Faster, most
    with a large vocabulary (try 32; nmt bench --shortlist 32 measures the loss in quality), but a translation may
    depend on its batch."""
    sample: Annotated[bool, CliOption("Sampling")] = False
    """Sample translations instead of searching for the best one."""
    temperature: Annotated[float, Field(gt=0), CliOption("Sampling")] = 1.0
    """Divisor of the logits before sampling: below 1 less random, above 1 more random."""
    top_k: Annotated[Count, CliOption("Sampling")] = 0
    """Sample from the k most probable subwords only; 0 samples from all."""
    top_p: Annotated[float, Field(gt=0, le=1), CliOption("Sampling")] = 1.0
    """Sample from the smallest set of most probable subwords whose total probability reaches this value."""
    seed: Annotated[Count, CliOption("Sampling")] = 1
    """Seed of sampling."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.sample and self.n_best > self.beam_size:
            raise ValueError(f"n_best {self.n_best} is more than beam_size {self.beam_size}")
        if self.sample is False and (self.temperature, self.top_k, self.top_p) != (1.0, 0, 1.0):
            raise ValueError("temperature, top_k and top_p apply only with --sample")
        if self.sample and self.changed("beam_size"):
            raise ValueError("beam_size does not apply with --sample; n_best sets the number of samples")
        if 0 < self.max_length < self.min_length:
            raise ValueError(f"min_length {self.min_length} is more than max_length {self.max_length}")
        return self


class InferenceConfig(Settings):
    """Options shared by the commands that translate or score."""

    ensemble: Annotated[list[Path], CliOption("Run", path="input")] = []
    """Further model whose probabilities are averaged with those of the first; may be given several times. All models
    must have the same subwords (trained on one prepared corpus, or prepared with the same --tokenizer-model)."""
    tag: Annotated[TagName | None, CliOption("Search")] = None
    """Put this tag before each source, one of those that the model was trained with; by default none."""
    batch_size: Annotated[Positive, CliOption("Run")] = 64
    """Sentences translated or scored together."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute; auto uses a GPU if there is one."""
    precision: Annotated[SearchPrecision, CliOption("Run")] = "auto"
    """Precision of matrix products; auto uses fp32, with which no translation depends on its batch. bf16, on a GPU or a
    CPU with AVX-512 BF16, and int8, on a CPU, are faster; nmt bench measures their speed and quality."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """CPU threads; 0 uses all."""


class TranslationConfig(InferenceConfig):
    """Options shared by the commands that translate."""

    search: SearchConfig = SearchConfig()


class TranslateConfig(TranslationConfig):
    """Translate standard input or files: one output line for every input line."""

    source_files: Annotated[list[Path], CliOption(argument=True, path="input")] = []
    """Files to translate, one after the other, also compressed (.gz, .bz2, .xz, .zst); - is standard input, which is
    also translated if no file is given."""
    model: Annotated[Path, CliOption("Run", short="-m", path="input")] = Path("model")
    """Model folder."""
    out: Annotated[Path | None, CliOption("Output", short="-o", path="output")] = None
    """Write the translations to this file instead of standard output. Lines appear in it as they are translated."""
    overwrite: Annotated[bool, CliOption("Output")] = False
    """Replace files that exist: those of --out, --alignment, --attention and --receipt."""
    output_format: Annotated[Literal["text", "jsonl"], CliOption("Output")] = "text"
    """Plain text lines, or one JSON object per line with tokens, scores, probabilities and alignment."""
    alignment: Annotated[Path | None, CliOption("Output", path="output")] = None
    """Write word alignments of the best translations to this file, one line of i-j pairs per input line."""
    attention: Annotated[Path | None, CliOption("Output", path="output")] = None
    """Write the attention weights of every translation to this file, as an HTML page (.html), an image (.svg, .png) or
    numbers (.json)."""
    receipt: Annotated[Path | None, CliOption("Output", path="output")] = None
    """Write a JSON line to this file for every input line with an issue: for example it is blank or was split, or its
    translation reached the length limit or repeats itself."""
    target_prefix: Annotated[Path | None, CliOption("Search", path="input")] = None
    """File with one line per input line: a prefix that its translation must start with."""


class WorkersConfig(TranslationConfig):
    """Options shared by the commands that translate with many processes."""

    model: Annotated[Path, CliOption("Run", short="-m", path="input")] = Path("model")
    """Model folder; workers on other machines need it at the same path."""
    workers: Annotated[Count, CliOption("Workers")] = 0
    """Processes to start on this machine; 0 starts one per core."""
    scheduler: Annotated[str | None, CliOption("Workers")] = None
    """Address of a Dask scheduler, such as tcp://HOST:8786, whose workers translate instead of local processes."""
    threads: Annotated[Positive, CliOption("Workers")] = 1
    """CPU threads of each worker."""
    shard_size: Annotated[Positive, CliOption("Workers")] = 2000
    """Lines sent to a worker at a time; within them it batches lines of similar length."""


class BulkConfig(WorkersConfig):
    """Translate a file of any size with many processes."""

    source_file: Annotated[Path | None, CliOption(argument=True, path="input")] = None
    """File of lines to translate, also compressed as .gz .bz2 .xz .zst."""
    out: Annotated[Path | None, CliOption("Run", path="output")] = None
    """File to write, one line per input line. Finished parts are kept in a folder beside it until all are done."""
    overwrite: Annotated[bool, CliOption("Run")] = False
    """Replace files that exist: those of --out and --receipt."""
    output_format: Annotated[Literal["text", "jsonl"], CliOption("Output")] = "text"
    """Plain text lines, or one JSON object per line with tokens, scores, probabilities and alignment."""
    receipt: Annotated[Path | None, CliOption("Output", path="output")] = None
    """Write a JSON line to this file for every input line with an issue: for example it is blank or was split, or its
    translation reached the length limit or repeats itself."""


class AugmentConfig(WorkersConfig, ParallelTextConfig):
    """Make training pairs by translation: back-translation of text in one language, or distillation of pairs."""

    text: Annotated[Path | None, CliOption("Input", path="input")] = None
    """Text in the model's source language to translate, also compressed: it becomes the target side of the pairs, its
    translation the source side (back-translation)."""
    pairs: Annotated[str | None, CliOption("Input")] = None
    """Parallel text whose source side is translated, in the forms of nmt preprocess --train: it stays the source side,
    its translation becomes the target side (distillation)."""
    out: Annotated[Path | None, CliOption("Run", path="output")] = None
    """Prefix of the files to write, such as back for back.en and back.de, and back.augment.json, which says how they
    were made. Finished parts are kept in the folder back.shards until all are done."""
    overwrite: Annotated[bool, CliOption("Run")] = False
    """Replace files that exist: those of --out and --receipt."""
    tag: Annotated[TagName | None, CliOption("Output")] = None
    """Tag of these pairs, recorded with them for nmt preprocess."""
    keep_all: Annotated[bool, CliOption("Output")] = False
    """Also keep the pairs whose translation is empty, cut, repeats itself or is of unusual length, and those with bytes
    that are not UTF-8."""
    receipt: Annotated[Path | None, CliOption("Output", path="output")] = None
    """Write a JSON line to this file for every input line with an issue: for example it is blank or was split, or its
    translation reached the length limit or repeats itself."""


class ScoreConfig(InferenceConfig, ParallelTextConfig):
    """Log-probability of given translations, pair by pair."""

    pairs: Annotated[str | None, CliOption("Input")] = None
    """Pairs to score, in the forms of nmt preprocess --train: a prefix (data/train for data/train.en and
    data/train.de), two files as SOURCE,TARGET, or one .tsv .csv .jsonl .tmx file; also compressed, and URLs."""
    model: Annotated[Path, CliOption("Run", short="-m", path="input")] = DEFAULT_MODEL
    """Model folder."""
    out: Annotated[Path | None, CliOption("Output", short="-o", path="output")] = None
    """Write the scores to this file instead of standard output."""
    overwrite: Annotated[bool, CliOption("Output")] = False
    """Replace the file of --out if it exists."""
    per_subword: Annotated[bool, CliOption("Output")] = False
    """Divide each log-probability by the number of target subwords, the end of the sentence included."""
    output_format: Annotated[Literal["text", "jsonl"], CliOption("Output")] = "text"
    """One number per line, or one JSON object per line with the log-probability, the same per subword, and the numbers
    of subwords."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.per_subword and self.output_format == "jsonl":
            raise ValueError("per_subword applies to output_format text; jsonl has both log-probabilities")
        return self


class ExplainConfig(Settings):
    """Show the steps of attention for one sentence, with the model's actual numbers."""

    sentence: Annotated[str, CliOption(argument=True)] = ""
    """Sentence to translate, in quotes; - reads it from standard input."""
    model: Annotated[Path, CliOption("Run", short="-m", path="input")] = Path("model")
    """Model folder."""
    tag: Annotated[TagName | None, CliOption("Search")] = None
    """Translate with this tag, one of those that the model was trained with; by default without."""
    translation: Annotated[str | None, CliOption("Search")] = None
    """Explain this translation instead of the one that the model generates."""
    beam_size: Annotated[Positive, CliOption("Search")] = 5
    """Beam size for generating the model's own translation."""
    candidates: Annotated[Positive, CliOption("Output")] = 5
    """Candidates for the next word to show at each step."""
    summary: Annotated[bool, CliOption("Output")] = False
    """Print only the attention between words and the least certain steps."""
    html: Annotated[Path | None, CliOption("Output", path="output")] = None
    """Write the explanation to this file as an HTML page to step through, instead of printing it. An older page of nmt
    with this name is replaced."""
    overwrite: Annotated[bool, CliOption("Output")] = False
    """Replace the file of --html even if it is not a page of nmt."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute; auto uses a GPU if there is one."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """CPU threads; 0 uses all."""
