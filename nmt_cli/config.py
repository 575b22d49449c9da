"""Every option, defined once: name, type, default, bounds and meaning.

The command line, `--config FILE.toml`, `--set key=value`, the documentation and the `config.toml` saved with a model
all derive from these classes. A field's docstring is its help text.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from nmt_cli.languages import check_code
from nmt_cli.settings import CliOption, Settings
from nmt_cli.special_tokens import TAG_PIECES

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Width = Annotated[int, Field(ge=1, le=65_536)]
Layers = Annotated[int, Field(ge=1, le=256)]
Threads = Annotated[int, Field(ge=0, le=4096)]
LEXICON_WIDTH = 64
"""Target subwords that a lexicon stores for each source subword."""
DEFAULT_MODEL = Path("model")
"""The model folder of commands that are given none."""
"""Tags of corpora; - alone stands for none."""
Language = Annotated[str, AfterValidator(check_code)]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16"]
SearchPrecision = Literal["auto", "fp32", "bf16", "int8"]
Score = Literal["dot", "scaled-dot", "general", "scaled-general", "concat", "mlp", "location"]
ScheduledSampling = Literal["none", "free", "constant", "linear", "exponential", "inverse-sigmoid"]
FrozenPart = Literal["embeddings", "encoder"]
KeepOption = Literal["none", "duplicates", "copies", "overlap", "control", "wrong-script"]


def check_encoding(name: str) -> str:
    """The name itself. Raises ValueError if Python knows no text encoding of this name."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise ValueError(f"no encoding is called {name}; such as cp949, shift_jis, gb18030, cp1252") from None
    return name


Encoding = Annotated[str, AfterValidator(check_encoding)]
NO_TAG = "-"
"""What --tag is given for a corpus without a tag."""


def check_tag(name: str) -> str:
    """The name itself. Raises ValueError if it cannot name a tag."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name):
        raise ValueError("a tag has 1 to 32 letters of a to z, digits, - and _")
    return name


TagName = Annotated[str, AfterValidator(check_tag)]


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


class InfoConfig(Settings):
    """Show what a prepared corpus or a model contains and how it was made."""

    path: Annotated[Path | None, CliOption(argument=True, path="input")] = None
    """Prepared corpus or model folder (default: the folders prepared and model, if they exist)."""
    all_: Annotated[bool, CliOption("Output")] = Field(default=False, alias="all")
    """Show every recorded value, options and hashes included."""
    json_: Annotated[bool, CliOption("Output")] = Field(default=False, alias="json")
    """Print one JSON object instead of text."""


class PackConfig(Settings):
    """Write a copy of a model to give away."""

    model: Annotated[Path | None, CliOption(argument=True, path="input")] = None
    """Model folder."""
    out: Annotated[Path | None, CliOption(argument=True, path="folder")] = None
    """Folder to write, or zip file if its name ends in .zip."""
    licence: Annotated[str | None, CliOption("Card")] = None
    """Licence of the model, for its card, such as "CC BY 4.0". The terms of the training text may restrict it."""
    prepared: Annotated[Path | None, CliOption("Card", path="input")] = None
    """Prepared corpus whose test split is scored for the card; by default the one that the model was trained on."""
    overwrite: Annotated[bool, CliOption("Run")] = False
    """Replace what an earlier nmt pack wrote there."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute; auto uses a GPU if there is one."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """CPU threads; 0 uses all."""


class LabConfig(Settings):
    """Experiments that test the claims of the attention tutorials, each with a verdict."""

    experiment: Annotated[str | None, CliOption(argument=True)] = None
    """Experiment to run, or all for every experiment; without it they are listed."""
    quick: Annotated[bool, CliOption("Run")] = False
    """Run a smaller version that takes less than a minute (gradient and attention-lstm only); its verdicts are only
    indicative. With all it runs these two."""
    seeds: Annotated[Count, CliOption("Run")] = 0
    """Number of random seeds that every model is trained with; 0 uses two or three, or one with --quick."""
    prepared: Annotated[Path | None, CliOption("Run", path="input")] = None
    """Prepared corpus that translation models train on; by default the bundled sample."""
    gold_alignment: Annotated[Path | None, CliOption("Run", path="input")] = None
    """Gold word alignment of the corpus's test split (i-j sure, ipj possible, from 0; or in NAACL's form), for the
    alignment experiment."""
    out: Annotated[Path, CliOption("Run", path="output")] = Path("lab")
    """Folder to write to, with a subfolder for each experiment."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """CPU threads; 0 uses one, or two for an experiment that trains for a number of epochs rather than minutes. More
    threads seldom help, because the models are small."""


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


class ModelConfig(Settings):
    """The encoder-decoder architecture."""

    cell: Annotated[Literal["lstm", "gru", "rnn"], CliOption("Model")] = "lstm"
    """Recurrent cell: LSTM, GRU, or a plain tanh RNN (whose gradients vanish)."""
    embedding_size: Annotated[Width, CliOption("Model")] = 288
    """Size of the subword embeddings, E."""
    hidden_size: Annotated[Width, CliOption("Model")] = 288
    """Size of the decoder states and of the encoder states, H."""
    encoder_layers: Annotated[Layers, CliOption("Model")] = 1
    """Number of encoder layers."""
    decoder_layers: Annotated[Layers, CliOption("Model")] = 2
    """Number of decoder layers."""
    residual_from: Annotated[int, Field(ge=2), CliOption("Model")] = 2
    """First layer with a residual connection, in the encoder and the decoder (He et al. 2016; Wu et al. 2016 start at
    the third). A value above the number of layers: no residual connections."""
    bidirectional: Annotated[bool, CliOption("Model")] = True
    """Encode the source in both directions and concatenate their states (H/2 each)."""
    source_order: Annotated[Literal["forward", "reversed", "doubled", "doubled-reversed"], CliOption("Model")] = (
        "forward"
    )
    """Order in which the encoder gets the source subwords; doubled: the whole sentence twice."""
    embedded_values: Annotated[bool, CliOption("Model")] = True
    """Attention values: encoder state plus source embedding, so that the context also identifies the attended word
    (Gehring et al. 2017), or the encoder state alone. No effect without attention."""
    attention: Annotated[Literal["gnmt", "luong", "bahdanau", "none", "none-repeat"], CliOption("Model")] = "gnmt"
    """Where the decoder attends. gnmt: the bottom layer's output is the query and the context feeds the layers above;
    parallel over time. luong: the top layer's state is the query, after the recurrence. bahdanau: the top layer's
    previous state is the query and the context is an input of the recurrence; step by step. none: no attention, the
    decoder starts from the encoder's final states (Sutskever). none-repeat: no attention, the encoder's final state is
    the input of every step."""
    input_feeding: Annotated[bool, CliOption("Model")] = False
    """Feed the attentional state into the next step (attention luong only; step by step, slower)."""
    score: Annotated[Score, CliOption("Model")] = "scaled-general"
    """Attention score of decoder state s and encoder state h. dot: s.h; general: s.W.h; scaled-dot and scaled-general:
    the same divided by sqrt(d), which keeps the softmax from saturating early; concat: v.tanh(W[s; h]); mlp: concat
    with two layers; location: (W s) at the position of h."""
    heads: Annotated[Width, CliOption("Model")] = 1
    """Number of attention heads, each with its own query and key projections."""
    local_attention: Annotated[Literal["none", "monotonic", "predictive"], CliOption("Model")] = "none"
    """Attend only to source subwords near a position: the position of the target subword (monotonic), or a predicted
    one (Luong et al. 2015)."""
    local_window: Annotated[Positive, CliOption("Model")] = 10
    """Source subwords on each side of the position of local attention, D."""
    coverage: Annotated[bool, CliOption("Model")] = False
    """Let scores depend on the attention paid so far (Tu et al. 2016); step by step, slower."""
    readout: Annotated[Literal["plain", "maxout"], CliOption("Model")] = "plain"
    """Layer before the output softmax: tanh(W[state; context]) (plain), or Bahdanau's deep output (maxout)."""
    tied_embeddings: Annotated[Literal["auto", "none", "decoder", "all"], CliOption("Model")] = "auto"
    """Share the output layer's weights with the target embeddings (decoder), or also with the source embeddings (all);
    auto: all with a joint vocabulary, else decoder."""

    dropout: Annotated[Fraction, CliOption("Regularisation")] = 0.4
    """Dropout between layers and before the output layer."""
    embedding_dropout: Annotated[Fraction, CliOption("Regularisation")] = 0.4
    """Dropout on the embeddings."""
    word_dropout: Annotated[Fraction, CliOption("Regularisation")] = 0.0
    """Fraction of input subwords replaced by the unknown token in training."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.bidirectional and self.hidden_size % 2:
            raise ValueError(f"hidden_size {self.hidden_size} must be even for a bidirectional encoder")
        if self.attention == "gnmt" and self.decoder_layers < 2:
            raise ValueError("attention gnmt needs decoder_layers of at least 2: the context feeds the layers above")
        if self.input_feeding and self.attention != "luong":
            raise ValueError(f"input_feeding needs attention luong, not {self.attention}")
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not divisible by heads {self.heads}")
        if self.coverage and self.score == "location":
            raise ValueError("coverage needs a score that depends on the encoder states, which location does not")
        if self.local_attention == "none" and self.changed("local_window"):
            raise ValueError("local_window applies only to local attention; set local_attention too")
        if self.local_attention == "monotonic" and self.source_order != "forward":
            raise ValueError(
                f"local_attention monotonic moves forward with the target, but source_order {self.source_order} "
                "does not; use local_attention predictive"
            )
        if not self.attends:
            self._fits_without_attention()
        return self

    @property
    def attends(self) -> bool:
        """Whether the decoder has attention."""
        return self.attention not in ("none", "none-repeat")

    def _fits_without_attention(self) -> None:
        for name in self.changed("score", "heads", "local_attention", "coverage"):
            raise ValueError(
                f"{name} applies only to attention, but attention is {self.attention}; leave it out, or use "
                "--attention gnmt, luong or bahdanau"
            )
        if self.attention == "none-repeat" and self.readout == "maxout":
            raise ValueError("readout maxout needs the previous word, which attention none-repeat does not use")
        if self.attention == "none" and self.encoder_layers != self.decoder_layers:
            raise ValueError(
                "attention none copies the encoder's states layer by layer, so encoder_layers and decoder_layers must "
                f"be equal, not {self.encoder_layers} and {self.decoder_layers}"
            )


class TrainingConfig(Settings):
    """How a model is trained."""

    batch_tokens: Annotated[Positive, CliOption("Batches")] = 1024
    """Maximum subwords per batch on its longer side, padding included."""
    gradient_accumulation: Annotated[Positive, CliOption("Batches")] = 1
    """Batches whose gradients are accumulated for one update."""
    subword_regularization: Annotated[Fraction, CliOption("Regularisation")] = 0.0
    """Draw a new segmentation of the training text each epoch; higher values are more random. BPE: the dropout
    probability of a merge (try 0.1). Unigram: segmentations are drawn by their probability to the power (1 - x) / x, so
    that 0.5 draws from the model's own distribution (try 0.75)."""
    label_smoothing: Annotated[Fraction, CliOption("Regularisation")] = 0.1
    """Probability mass moved from the reference subword to the whole vocabulary."""
    r_drop: Annotated[float, Field(ge=0), CliOption("Regularisation")] = 0.0
    """Weight of R-Drop (Liang et al. 2021; try 1 to 5): each batch passes through the model twice with different
    dropout, and the loss adds the divergence of the two predictions. Updates take twice as long; it pays off for small
    corpora and long training."""

    uppercase: Annotated[Probability, CliOption("Robustness")] = 0.0
    """Probability that the source of a training pair is put in capitals, drawn anew each epoch; the target stays. A
    vocabulary without capitals spells them letter by letter, which makes updates slower."""
    titlecase: Annotated[Probability, CliOption("Robustness")] = 0.0
    """Probability that the source of a training pair is put in title case, drawn anew each epoch."""
    typos: Annotated[Probability, CliOption("Robustness")] = 0.0
    """Probability that a word of the source gets a typing error in training, drawn anew each epoch: two letters
    swapped, or one left out, doubled or replaced."""

    scheduled_sampling: Annotated[ScheduledSampling, CliOption("Teacher forcing")] = "none"
    """Previous word that the decoder gets in training. none: always the reference word (teacher forcing); free: always
    its own best prediction; the others: the reference word with a probability that is constant or falls over the run
    (Bengio et al. 2015), else its own. All but none run step by step, which is slower."""
    teacher_forcing_ratio: Annotated[float, Field(ge=0.0, le=1.0), CliOption("Teacher forcing")] = 0.5
    """Probability of the reference word (scheduled_sampling constant), or its final value (linear, exponential,
    inverse-sigmoid)."""

    learning_rate: Annotated[float, Field(ge=0), CliOption("Optimiser")] = 0.0
    """Peak learning rate of AdamW; 0 derives it from the model size: 2.3 / hidden_size, at most 0.008, and less for
    more than two layers; a quarter of that with --from."""
    warmup: Annotated[Count, CliOption("Optimiser")] = 200
    """Updates over which the learning rate rises to its peak (at most a tenth of the run)."""
    schedule: Annotated[Literal["linear", "cosine", "constant"], CliOption("Optimiser")] = "linear"
    """How the learning rate falls from its peak to the end of the run, that is, to the limit that is reached first."""
    weight_decay: Annotated[float, Field(ge=0), CliOption("Optimiser")] = 0.01
    """AdamW's weight decay, on matrices only."""
    clip_norm: Annotated[float, Field(gt=0), CliOption("Optimiser")] = 1.0
    """Maximum gradient norm; larger gradients are scaled down to it."""
    ema_decay: Annotated[Fraction, CliOption("Optimiser")] = 0.99
    """Decay of the exponential moving average of the weights, which is validated and saved; 0 turns it off."""

    freeze: Annotated[list[FrozenPart], CliOption("Optimiser")] = []
    """Part that keeps its weights in a run with --from; may be given twice. embeddings: of source and target, and the
    output layer's weights where they are tied to them; encoder: all its layers, but not the source embeddings."""

    max_steps: Annotated[Count | None, CliOption("Limits")] = None
    """Stop after this many updates; with 0 the model keeps the weights that it starts from and is only validated."""
    max_epochs: Annotated[float | None, Field(gt=0), CliOption("Limits")] = None
    """Stop after this many epochs."""
    max_minutes: Annotated[float | None, Field(gt=0), CliOption("Limits")] = None
    """Stop after this many minutes of wall-clock time, including start-up and validation; 15 if no limit is set."""
    patience: Annotated[Count, CliOption("Limits")] = 10
    """Stop after this many validations without improvement of the metric; 0 disables early stopping."""

    validate_every: Annotated[Count, CliOption("Validation")] = 0
    """Updates between validations; 0 spreads about ten validations over the run."""
    metric: Annotated[Literal["loss", "bleu", "chrf"], CliOption("Validation")] = "chrf"
    """Dev metric that selects the best model; BLEU fluctuates more by chance than chrF."""
    validate_sentences: Annotated[Positive, CliOption("Validation")] = 500
    """Dev sentences translated (greedily) at each validation; the loss uses all of dev."""

    seed: Annotated[Count, CliOption("Run")] = 1
    """Seed of the initial weights, the order of batches and dropout."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.uppercase + self.titlecase > 1:
            raise ValueError(
                f"uppercase {self.uppercase} and titlecase {self.titlecase} add up to more than 1; no line gets both"
            )
        if self.scheduled_sampling in ("none", "free"):
            for name in self.changed("teacher_forcing_ratio"):
                raise ValueError(
                    f"{name} applies only if reference words are chosen with a probability, not with "
                    f"scheduled_sampling {self.scheduled_sampling}"
                )
        return self


class TrainConfig(Settings):
    """A prepared corpus -> a self-contained model folder."""

    model_config = ConfigDict(populate_by_name=True)

    prepared: Annotated[Path, CliOption(argument=True, path="input")] = Path("prepared")
    """Prepared corpus to train on."""
    out: Annotated[Path, CliOption("Run", path="folder")] = Path("model")
    """Model folder to write."""
    resume: Annotated[bool, CliOption("Run")] = False
    """Continue the interrupted run in this folder."""
    from_: Annotated[Path | None, Field(alias="from"), CliOption("Run", path="input")] = None
    """Start from the weights of this model instead of random ones, with its architecture. The corpus must have its
    subwords (nmt preprocess --like)."""
    overwrite: Annotated[bool, CliOption("Run")] = False
    """Replace an existing model."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute; auto uses a GPU if there is one."""
    precision: Annotated[Precision, CliOption("Run")] = "auto"
    """Precision of matrix products; auto uses bf16 if the CPU or GPU supports it."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """CPU threads; 0 uses all. Threads wait for each other: if another program keeps a core busy, one fewer is
    faster."""
    tensorboard: Annotated[Path | None, CliOption("Run", path="output")] = None
    """Also write TensorBoard events to this folder (needs the tensorboard extra)."""
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.model.attention == "none-repeat" and self.training.scheduled_sampling != "none":
            raise ValueError(
                f"scheduled_sampling {self.training.scheduled_sampling} chooses the previous word, which attention "
                "none-repeat does not use"
            )
        if self.training.r_drop and not (self.model.dropout or self.model.embedding_dropout or self.model.word_dropout):
            raise ValueError("r_drop compares two passes with different dropout, but there is no dropout")
        if self.training.freeze and self.from_ is None:
            raise ValueError("freeze keeps weights of another model; name it with --from, or leave --freeze out")
        return self


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
