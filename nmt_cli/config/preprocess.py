"""Options of `nmt preprocess`, and of all commands that read parallel text."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nmt_cli.config.values import NO_TAG, Count, Encoding, KeepOption, Language, Positive, TagName, Threads
from nmt_cli.settings import CliOption, Settings
from nmt_cli.special_tokens import TAG_PIECES


class ParallelTextConfig(Settings):
    """How files of parallel text are read."""

    format: Annotated[Literal["auto", "text", "tsv", "csv", "jsonl", "tmx"], CliOption("Input")] = "auto"
    """Format of the input files; auto detects it from the file name."""
    delimiter: Annotated[Literal["auto", "tab", "comma", "semicolon", "pipe"], CliOption("Input")] = "auto"
    """Separator of columns; auto: tab in .tsv files, recognised from the first lines in .csv files."""
    source_field: Annotated[str | None, CliOption("Input")] = None
    """Column name or number (from 1) or JSON key of the source; by default recognised from header and content, or
    refused where they do not decide."""
    target_field: Annotated[str | None, CliOption("Input")] = None
    """Column name or number (from 1) or JSON key of the target; by default recognised like that of the source."""
    encoding: Annotated[Encoding | None, CliOption("Input")] = None
    """Encoding of the input files, such as cp949, shift_jis, gb18030 or cp1252; by default UTF-8, or what a TMX file
    declares."""
    invalid_utf8: Annotated[Literal["error", "replace"], CliOption("Input")] = "error"
    """Bytes that are not UTF-8, or not in the encoding: stop and report where they are (error), or replace each by
    U+FFFD (replace)."""


class PreprocessConfig(ParallelTextConfig):
    """Raw parallel text -> a prepared, checked, memory-mapped corpus."""

    train: Annotated[list[str], CliOption("Input", path="text")] = []
    """Training text, or TEXT=WEIGHT; may be given several times. A prefix (data/train for data/train.en and
    data/train.de), two files as SOURCE,TARGET, or one .tsv .csv .jsonl .tmx file; all also compressed as .gz .bz2 .xz
    .zst. URLs work too. Default: the bundled English-Korean sample. A weight draws each pair that often in an epoch,
    2.5 for example twice and a random half of them once more; a URL with a query has none."""
    tag: Annotated[list[TagName], CliOption("Input")] = []
    """Tag of a training text: one subword before each of its sources, by which the model tells the texts apart (nmt
    translate --tag). Given once for each --train, in the same order, - for none; by default pairs that nmt augment
    made have its tag. Dev and test are without tags, also the pairs that are held out of a tagged text."""
    dev: Annotated[str | None, CliOption("Input", path="text")] = None
    """Development text, in the same forms; by default a seeded sample of the training text is held out."""
    test: Annotated[str | None, CliOption("Input", path="text")] = None
    """Test text, in the same forms; by default a seeded sample of the training text is held out."""
    source: Annotated[Language | None, CliOption("Input")] = None
    """Source language code, which is also the file suffix (sample: en)."""
    target: Annotated[Language | None, CliOption("Input")] = None
    """Target language code, which is also the file suffix (sample: ko)."""
    holdout: Annotated[Positive, CliOption("Input")] = 1000
    """Sentence pairs to hold out for each of dev and test if not given (at most a tenth of the training text)."""

    unicode: Annotated[Literal["nfc", "nfkc", "none"], CliOption("Cleaning")] = "nfc"
    """Unicode normalisation of all text, including input to translate and references."""
    keep: Annotated[list[KeepOption], CliOption("Cleaning")] = ["wrong-script"]
    """Kind of suspicious pair to keep in train instead of dropping it; may be given several times and replaces the
    default. duplicates: exact repetitions of a pair; copies: the target equals the source and has more than three
    words; overlap: the same pair occurs in dev or test; control: control characters such as NUL; wrong-script: mostly
    letters of a script that the language does not use; none: drop all of these."""
    max_ratio: Annotated[float, Field(gt=1.0), CliOption("Cleaning")] = 9.0
    """Drop training pairs if one side has more than this many times as many subwords as the other."""
    max_length: Annotated[Positive, CliOption("Cleaning")] = 200
    """Drop training pairs with more subwords than this on either side; stored with the model as its input limit."""

    scores: Annotated[list[Path], CliOption("Cleaning", path="input")] = []
    """Scores of the pairs of a --train, one number per pair, as nmt score writes them; given once for each --train, in
    the same order, and - for one without scores."""
    keep_best: Annotated[float | None, Field(gt=0.0, lt=1.0), CliOption("Cleaning")] = None
    """Keep this fraction of each training text with --scores, of the pairs that no check of the text drops; the lowest
    scores are dropped, nan first."""

    tokenizer: Annotated[Literal["unigram", "bpe"], CliOption("Subwords")] = "unigram"
    """How SentencePiece finds the subwords: by a unigram language model, or by byte-pair encoding (BPE)."""
    vocabulary: Annotated[Literal["joint", "separate"], CliOption("Subwords")] = "joint"
    """One joint subword vocabulary for both languages (needed to tie all embeddings), or a separate one for each."""
    vocabulary_size: Annotated[int | None, Field(ge=300, le=1_000_000), CliOption("Subwords")] = None
    """Maximum number of subwords in a vocabulary; by default chosen from the size of the corpus."""
    tokenizer_model: Annotated[list[Path], CliOption("Subwords", path="input")] = []
    """Use this SentencePiece model instead of training one (give it twice for source and target)."""
    like: Annotated[Path | None, CliOption("Subwords", path="input")] = None
    """Use the subwords, the Unicode form and the languages of this model or prepared corpus, so that nmt train --from
    can continue from the model."""

    out: Annotated[Path, CliOption("Run", path="folder")] = Path("prepared")
    """Folder to write."""
    overwrite: Annotated[bool, CliOption("Run")] = False
    """Prepare again and replace the folder, even if inputs and options have not changed."""
    seed: Annotated[Count, CliOption("Run")] = 1
    """Seed of the held-out sample, and of the sample of a large corpus that the subwords are trained on."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """CPU threads; 0 uses all."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.tokenizer_model) > 2:
            raise ValueError(
                f"tokenizer_model is given {len(self.tokenizer_model)} times; give at most two, source and target"
            )
        trained = sorted({"tokenizer", "vocabulary", "vocabulary_size"} & self.model_fields_set)
        if self.tokenizer_model and trained:
            raise ValueError(f"{trained[0]} applies only to training a tokenizer, but tokenizer_model is given")
        if self.like is not None:
            for name in sorted({*trained, "tokenizer_model", "unicode"} & self.model_fields_set):
                raise ValueError(f"{name} contradicts like, which takes it from {self.like}; leave one of them out")
        if self.tag and len(self.tag) != len(self.train):
            raise ValueError(
                f"tag is given {len(self.tag)} times and train {len(self.train)} times; give a tag for each training "
                f"text in their order, {NO_TAG} for none"
            )
        if len(set(self.tag) - {NO_TAG}) > len(TAG_PIECES):
            raise ValueError(f"{len(set(self.tag) - {NO_TAG})} tags; a model has at most {len(TAG_PIECES)}")
        if self.source is not None and self.source == self.target:
            raise ValueError(f"source and target are both {self.source}")
        if "none" in self.keep and len(self.keep) > 1:
            raise ValueError(f"keep none cannot be combined with {', '.join(set(self.keep) - {'none'})}")
        return self
