"""Every option once: name, type, default, bounds and meaning.

The command line, `--config FILE.toml`, `--set key=value`, the documentation and the file saved with a
model all come from these classes. A field's docstring is its help text.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nmt_cli.settings import CliOption, Settings

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Width = Annotated[int, Field(ge=1, le=65_536)]
Threads = Annotated[int, Field(ge=0, le=4096)]
LISTED = 64
"""Target subwords that a lexicon keeps for each of the source."""
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16"]
SearchPrecision = Literal["auto", "fp32", "bf16", "int8"]
Score = Literal["dot", "scaled-dot", "general", "scaled-general", "concat", "mlp", "location"]
ScheduledSampling = Literal["none", "free", "constant", "linear", "exponential", "inverse-sigmoid"]
Suspect = Literal["none", "duplicates", "copies", "overlap", "control", "wrong-script"]


class PreprocessConfig(Settings):
    """Raw parallel text -> a prepared, checked, memory-mapped corpus."""

    train: Annotated[list[str], CliOption("Input")] = []
    """Training text; may be given several times. A prefix (data/train for data/train.en and data/train.de), two
    files as SOURCE,TARGET, or one .tsv .csv .jsonl .tmx file; each also as .gz .bz2 .xz .zst. URLs work.
    Without it: the bundled English-Korean sample."""
    dev: Annotated[str | None, CliOption("Input")] = None
    """Development text, same forms; without it a seeded sample of the training text is held out."""
    test: Annotated[str | None, CliOption("Input")] = None
    """Test text, same forms; without it a seeded sample of the training text is held out."""
    source: Annotated[str | None, CliOption("Input")] = None
    """Source language code, which is also the file suffix (sample: en)."""
    target: Annotated[str | None, CliOption("Input")] = None
    """Target language code, which is also the file suffix (sample: ko)."""
    format: Annotated[Literal["auto", "text", "tsv", "csv", "jsonl", "tmx"], CliOption("Input")] = "auto"
    """Form of the input files; auto goes by the name."""
    source_field: Annotated[str | None, CliOption("Input")] = None
    """Column name or number (from 1) or JSON key of the source; without it the language code, else column 1."""
    target_field: Annotated[str | None, CliOption("Input")] = None
    """Column name or number (from 1) or JSON key of the target; without it the language code, else column 2."""
    invalid_utf8: Annotated[Literal["error", "replace"], CliOption("Input")] = "error"
    """What to do with bytes that are not UTF-8: stop and name the place, or replace and count."""
    holdout: Annotated[Positive, CliOption("Input")] = 1000
    """Pairs to hold out for each of dev and test when not given (at most a tenth of the training text)."""

    unicode: Annotated[Literal["nfc", "nfkc", "none"], CliOption("Cleaning")] = "nfc"
    """Unicode normalisation of everything that is read, also at translation and in references."""
    keep: Annotated[list[Suspect], CliOption("Cleaning")] = ["wrong-script"]
    """Suspicious pairs to keep in train; what is given replaces the default. duplicates: exact repetitions of a pair;
    copies: the target is the source, longer than three words; overlap: source and target both stand in dev or test;
    control: control characters (NUL and the like); wrong-script: a script that the language does not use; none: drop
    them all."""
    max_ratio: Annotated[float, Field(gt=1.0), CliOption("Cleaning")] = 9.0
    """Drop training pairs of which one side has more than this many times the subwords of the other."""
    max_length: Annotated[Positive, CliOption("Cleaning")] = 200
    """Drop training pairs with a side of more subwords than this; also the model's stored input limit."""

    tokenizer: Annotated[Literal["unigram", "bpe"], CliOption("Subwords")] = "unigram"
    """SentencePiece model type."""
    vocabulary: Annotated[Literal["joint", "separate"], CliOption("Subwords")] = "joint"
    """One subword vocabulary for both languages (needed to tie all embeddings), or one each."""
    vocabulary_size: Annotated[int | None, Field(ge=300, le=1_000_000), CliOption("Subwords")] = None
    """Most subwords in a vocabulary; without it chosen from the size of the corpus."""
    tokenizer_model: Annotated[list[Path], CliOption("Subwords")] = []
    """Take this SentencePiece model instead of training one (twice: source, then target)."""

    out: Annotated[Path, CliOption("Run")] = Path("prepared")
    """Folder to write."""
    overwrite: Annotated[bool, CliOption("Run")] = False
    """Prepare again, whether or not inputs and options are those that the folder was made from."""
    seed: Annotated[Count, CliOption("Run")] = 1
    """Seed of the held-out sample, and of the text that subwords are learnt from if there is more than enough."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """Processor threads; 0 takes all."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.tokenizer_model) > 2:
            raise ValueError(f"tokenizer_model is given {len(self.tokenizer_model)} times; twice is source and target")
        trained = sorted({"tokenizer", "vocabulary", "vocabulary_size"} & self.model_fields_set)
        if self.tokenizer_model and trained:
            raise ValueError(f"{trained[0]} only acts on a tokenizer that is trained, but tokenizer_model is given")
        if self.source is not None and self.source == self.target:
            raise ValueError(f"source and target are both {self.source}")
        if "none" in self.keep and len(self.keep) > 1:
            raise ValueError(f"keep none stands alone, not with {', '.join(set(self.keep) - {'none'})}")
        return self


class InfoConfig(Settings):
    """What a prepared corpus or a model is and where it came from."""

    path: Annotated[Path | None, CliOption(argument=True)] = None
    """Prepared corpus or model folder; without it prepared and model, as far as they exist."""
    json_: Annotated[bool, CliOption("Output")] = Field(default=False, alias="json")
    """Print one JSON object instead."""


class LabConfig(Settings):
    """The claims of the tutorials, each an experiment with a verdict."""

    experiment: Annotated[str | None, CliOption(argument=True)] = None
    """Which experiment to run, or all; without it they are listed."""
    quick: Annotated[bool, CliOption("Run")] = False
    """A smaller form of about a minute; its verdicts are indicative only."""
    seeds: Annotated[Count, CliOption("Run")] = 0
    """Runs of everything, from different random weights; 0 takes two or three, or one with --quick."""
    prepared: Annotated[Path | None, CliOption("Run")] = None
    """Prepared corpus that translators learn; without it the bundled sample."""
    gold_alignment: Annotated[Path | None, CliOption("Run")] = None
    """Gold alignment of the corpus's test split (i-j sure, ipj possible, from 0), for alignment."""
    out: Annotated[Path, CliOption("Run")] = Path("lab")
    """Folder to write to; each experiment has its own in it."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """Processor threads; 0 takes what suits the experiment: one, or two where it counts epochs and not minutes. The
    models are small: more seldom help."""


class ExplainConfig(Settings):
    """The steps of attention for one sentence, with the model's real numbers."""

    sentence: Annotated[str, CliOption(argument=True)] = ""
    """The sentence, in quotes."""
    model: Annotated[Path, CliOption("Run")] = Path("model")
    """Model folder."""
    translation: Annotated[str | None, CliOption("Search")] = None
    """Explain this translation instead of the model's own."""
    beam_size: Annotated[Positive, CliOption("Search")] = 5
    """Hypotheses kept when the model's own is searched for."""
    candidates: Annotated[Positive, CliOption("Output")] = 5
    """Next words to show at each step."""
    html: Annotated[Path | None, CliOption("Output")] = None
    """Write a page to step through to this file."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """Processor threads; 0 takes all."""


class ModelConfig(Settings):
    """The encoder-decoder with attention."""

    cell: Annotated[Literal["lstm", "gru", "rnn"], CliOption("Model")] = "lstm"
    """Recurrent cell: LSTM, GRU, or the plain tanh network whose gradients vanish."""
    embedding_size: Annotated[Width, CliOption("Model")] = 288
    """Width of the subword embeddings, E."""
    hidden_size: Annotated[Width, CliOption("Model")] = 288
    """Width of decoder states and of the encoder's annotations, H."""
    encoder_layers: Annotated[Width, CliOption("Model")] = 1
    """Stacked encoder layers."""
    decoder_layers: Annotated[Width, CliOption("Model")] = 2
    """Stacked decoder layers."""
    residual_from: Annotated[int, Field(ge=2), CliOption("Model")] = 2
    """Layers from this one on, in either stack, add what the layer below gives to what they give (He et al. 2016;
    from the third on in Wu et al. 2016). More than there are layers: none does."""
    bidirectional: Annotated[bool, CliOption("Model")] = True
    """Read the source in both directions; a state is the concatenation of the two (H/2 each)."""
    source_order: Annotated[Literal["forward", "reversed", "doubled", "doubled-reversed"], CliOption("Model")] = (
        "forward"
    )
    """Order in which the encoder reads the source; doubled reads it twice."""
    embedded_values: Annotated[bool, CliOption("Model")] = True
    """What attention, where there is any, brings from a source subword: its encoder state plus its embedding, so that
    the context also tells which word was looked at (Gehring et al. 2017), or the state alone."""
    attention: Annotated[Literal["gnmt", "luong", "bahdanau", "none", "none-repeat"], CliOption("Model")] = "gnmt"
    """Where attention sits. gnmt: the bottom layer's output is the query, the context feeds the layers above; parallel
    over time. luong: the top layer's state is the query, after the recurrence. bahdanau: its previous state is the
    query, and the context enters the recurrence; step by step. none: no attention, the decoder goes on from the
    encoder's states (Sutskever). none-repeat: no attention, the encoder's last state is the input of every step."""
    input_feeding: Annotated[bool, CliOption("Model")] = False
    """Feed the previous attentional state into the next step (attention luong only; step by step, slower)."""
    score: Annotated[Score, CliOption("Model")] = "scaled-general"
    """Score of a decoder state s against an encoder state h: dot s.h, general s.W.h, each also scaled (by sqrt(d), so
    that attention does not settle too early), concat v.tanh(W[s; h]), mlp the same with two layers, or location, (W s)
    at h's place."""
    heads: Annotated[Width, CliOption("Model")] = 1
    """Attention heads, each with queries and keys of its own."""
    local_attention: Annotated[Literal["none", "monotonic", "predictive"], CliOption("Model")] = "none"
    """Attend only to source subwords near a place: that of the target subword, or one that is predicted (Luong)."""
    local_window: Annotated[Positive, CliOption("Model")] = 10
    """Source subwords on either side of that place, D."""
    coverage: Annotated[bool, CliOption("Model")] = False
    """Let scores depend on the attention paid so far (Tu et al. 2016); step by step, slower."""
    readout: Annotated[Literal["plain", "maxout"], CliOption("Model")] = "plain"
    """What predicts the next subword: tanh(W[state; context]), or Bahdanau's deep output with maxout."""
    tied_embeddings: Annotated[Literal["auto", "none", "decoder", "all"], CliOption("Model")] = "auto"
    """Share the output layer with the target embeddings, or with the source's too; auto shares what it can."""

    dropout: Annotated[Fraction, CliOption("Regularisation")] = 0.4
    """Dropout between layers and before the output layer."""
    embedding_dropout: Annotated[Fraction, CliOption("Regularisation")] = 0.4
    """Dropout on embedded subwords."""
    word_dropout: Annotated[Fraction, CliOption("Regularisation")] = 0.0
    """Share of input subwords replaced by the unknown symbol in training."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.bidirectional and self.hidden_size % 2:
            raise ValueError(f"hidden_size {self.hidden_size} must be even for a bidirectional encoder")
        if self.attention == "gnmt" and self.decoder_layers < 2:
            raise ValueError("attention gnmt needs decoder_layers of at least 2: the context feeds the layers above")
        if self.input_feeding and self.attention != "luong":
            raise ValueError(f"input_feeding needs attention luong, not {self.attention}")
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be shared among {self.heads} heads; take a divisor"
            )
        if self.coverage and self.score == "location":
            raise ValueError("coverage needs a score that sees the encoder states; location does not")
        if self.local_attention == "none" and self.changed("local_window"):
            raise ValueError("local_window acts only on local attention; give local_attention too")
        if self.local_attention == "monotonic" and self.source_order != "forward":
            raise ValueError(
                f"local_attention monotonic moves forward with the target, but source_order {self.source_order} "
                "does not; take local_attention predictive"
            )
        if not self.attends:
            self._fits_without_attention()
        return self

    @property
    def attends(self) -> bool:
        """Whether there is attention at all."""
        return self.attention not in ("none", "none-repeat")

    def _fits_without_attention(self) -> None:
        for name in self.changed("score", "heads", "local_attention", "coverage"):
            raise ValueError(
                f"{name} acts on attention, but attention {self.attention} has none; leave it out, or take "
                "--attention gnmt, luong or bahdanau"
            )
        if self.attention == "none-repeat" and self.readout == "maxout":
            raise ValueError("readout maxout reads the previous word, which attention none-repeat does not")
        if self.attention == "none" and self.encoder_layers != self.decoder_layers:
            raise ValueError(
                "attention none hands states over layer by layer, so encoder_layers and decoder_layers must be equal, "
                f"not {self.encoder_layers} and {self.decoder_layers}"
            )


class TrainingConfig(Settings):
    """How it learns."""

    batch_tokens: Annotated[Positive, CliOption("Batches")] = 1024
    """Subwords in a batch on the longer side, padding counted."""
    gradient_accumulation: Annotated[Positive, CliOption("Batches")] = 1
    """Batches whose gradients make one update."""
    subword_regularization: Annotated[Fraction, CliOption("Regularisation")] = 0.0
    """Segment training text anew each epoch, the wilder the nearer to 1. BPE: the probability of leaving out a merge
    (try 0.1). Unigram: probabilities to the power (1 - x) / x, so that 0.5 draws as the model has them (try 0.75)."""
    label_smoothing: Annotated[Fraction, CliOption("Regularisation")] = 0.1
    """Probability mass taken from the true subword and spread over the vocabulary."""

    r_drop: Annotated[float, Field(ge=0), CliOption("Regularisation")] = 0.0
    """Weight of R-Drop (Liang et al. 2021; try 1 to 5): each batch is read twice, with dropout of its own, and the two
    predictions are drawn together. An update takes twice as long; worth it where a corpus is small and time is not."""

    scheduled_sampling: Annotated[ScheduledSampling, CliOption("Teacher forcing")] = "none"
    """Which previous word the decoder reads in training. none: the true one (teacher forcing); free: its own best; the
    others: the true one with a probability that is constant or falls over the run (Bengio et al. 2015). All but none
    go step by step."""
    teacher_forcing_ratio: Annotated[float, Field(ge=0.0, le=1.0), CliOption("Teacher forcing")] = 0.5
    """That probability, if constant; where it ends, if it falls."""

    learning_rate: Annotated[float, Field(ge=0), CliOption("Optimiser")] = 0.0
    """Peak learning rate of AdamW; 0 takes what suits the size: 2.3 / hidden_size, but no more than 0.008, and less for
    more than two layers."""
    warmup: Annotated[Count, CliOption("Optimiser")] = 200
    """Updates over which the rate rises to its peak (at most a tenth of the run)."""
    schedule: Annotated[Literal["linear", "cosine", "constant"], CliOption("Optimiser")] = "linear"
    """How the rate falls from its peak to the end of the run, by whichever limit ends it first."""
    weight_decay: Annotated[float, Field(ge=0), CliOption("Optimiser")] = 0.01
    """AdamW's weight decay on matrices."""
    clip_norm: Annotated[float, Field(gt=0), CliOption("Optimiser")] = 1.0
    """Largest norm of the gradient."""
    ema_decay: Annotated[Fraction, CliOption("Optimiser")] = 0.99
    """Exponential moving average of the weights, used to validate and saved; 0 turns it off."""

    max_steps: Annotated[Positive | None, CliOption("Limits")] = None
    """Stop after this many updates."""
    max_epochs: Annotated[float | None, Field(gt=0), CliOption("Limits")] = None
    """Stop after this many passes over the training text."""
    max_minutes: Annotated[float | None, Field(gt=0), CliOption("Limits")] = None
    """Stop after this much wall-clock time, start-up and validation included."""
    patience: Annotated[Count, CliOption("Limits")] = 10
    """Stop after this many validations without a better metric; 0 never stops early."""

    validate_every: Annotated[Count, CliOption("Validation")] = 0
    """Updates between validations; 0 spreads about ten over the run."""
    metric: Annotated[Literal["loss", "bleu", "chrf"], CliOption("Validation")] = "chrf"
    """What the best model is best at, on dev; of BLEU and chrF it is BLEU that moves more by chance."""
    validate_sentences: Annotated[Positive, CliOption("Validation")] = 500
    """Dev sentences decoded (greedily) at a validation; the loss is over all of dev."""

    seed: Annotated[Count, CliOption("Run")] = 1
    """Seed of initial weights, order and dropout."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.scheduled_sampling in ("none", "free"):
            for name in self.changed("teacher_forcing_ratio"):
                raise ValueError(
                    f"{name} acts only when the true word is read with a probability, not with scheduled_sampling "
                    f"{self.scheduled_sampling}"
                )
        return self


class TrainConfig(Settings):
    """A prepared corpus -> a self-contained model folder."""

    prepared: Annotated[Path, CliOption(argument=True)] = Path("prepared")
    """Prepared corpus to learn from."""
    out: Annotated[Path, CliOption("Run")] = Path("model")
    """Model folder to write."""
    resume: Annotated[bool, CliOption("Run")] = False
    """Go on where an interrupted run in this folder stopped."""
    overwrite: Annotated[bool, CliOption("Run")] = False
    """Replace a model that is already there."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    precision: Annotated[Precision, CliOption("Run")] = "auto"
    """Arithmetic of matrix products; auto takes bf16 where the processor has it."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """Processor threads; 0 takes all. They wait for one another: beside programs that keep a processor busy, one fewer
    is faster."""
    tensorboard: Annotated[Path | None, CliOption("Run")] = None
    """Also write TensorBoard events to this folder (needs the tensorboard extra)."""
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.model.attention == "none-repeat" and self.training.scheduled_sampling != "none":
            raise ValueError(
                f"scheduled_sampling {self.training.scheduled_sampling} chooses the previous word, which attention "
                "none-repeat does not read"
            )
        if self.training.r_drop and not (self.model.dropout or self.model.embedding_dropout or self.model.word_dropout):
            raise ValueError("r_drop draws two readings with different dropout together, but there is no dropout")
        return self


class SearchConfig(Settings):
    """How hypotheses are searched for."""

    beam_size: Annotated[Positive, CliOption("Search")] = 5
    """Hypotheses kept; 1 is greedy search."""
    n_best: Annotated[Positive, CliOption("Search")] = 1
    """Translations to give for each line, at most beam_size, or samples to draw; fewer if there are no more."""
    length_penalty: Annotated[float, Field(ge=0), CliOption("Search")] = 1.0
    """Exponent a of the length normalisation ((5 + length) / 6)^a (Wu et al. 2016); 0 turns it off."""
    coverage_penalty: Annotated[float, Field(ge=0), CliOption("Search")] = 0.0
    """Weight b of the coverage penalty b * sum_j log min(sum_i a_ij, 1) (Wu et al. 2016)."""
    min_length: Annotated[Count, CliOption("Search")] = 0
    """Least subwords of a translation."""
    max_length: Annotated[Count, CliOption("Search")] = 0
    """Most subwords of a translation; 0 allows three times the source's and 20 more."""
    no_repeat_ngram_size: Annotated[Count, CliOption("Search")] = 0
    """Never repeat a run of this many subwords; 0 allows it."""
    shortlist: Annotated[Count, Field(le=LISTED), CliOption("Search")] = 0
    """Choose only among the this many likeliest translations of every source subword of a batch, learnt by nmt
    preprocess, and the most frequent subwords; 0 chooses among all. Faster, most with a large vocabulary (try 32; nmt
    bench --shortlist 32 shows what it costs), but a translation may depend on its batch."""
    sample: Annotated[bool, CliOption("Sampling")] = False
    """Draw translations at random instead of searching for the best."""
    temperature: Annotated[float, Field(gt=0), CliOption("Sampling")] = 1.0
    """Divides the logits before sampling: below 1 safer, above 1 wilder."""
    top_k: Annotated[Count, CliOption("Sampling")] = 0
    """Sample among the k most probable subwords only; 0 takes all."""
    top_p: Annotated[float, Field(gt=0, le=1), CliOption("Sampling")] = 1.0
    """Sample among the most probable subwords that together have this probability."""
    seed: Annotated[Count, CliOption("Sampling")] = 1
    """Seed of the sampling."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.sample and self.n_best > self.beam_size:
            raise ValueError(f"n_best {self.n_best} is more than beam_size {self.beam_size}")
        if self.sample is False and (self.temperature, self.top_k, self.top_p) != (1.0, 0, 1.0):
            raise ValueError("temperature, top_k and top_p only act with --sample")
        if self.sample and self.changed("beam_size"):
            raise ValueError("beam_size does not act with --sample; n_best is how many samples are drawn")
        if 0 < self.max_length < self.min_length:
            raise ValueError(f"min_length {self.min_length} is more than max_length {self.max_length}")
        return self


class SearchingConfig(Settings):
    """What every command that translates can be told."""

    ensemble: Annotated[list[Path], CliOption("Run")] = []
    """Average the probabilities of this model with the first one's; may be given several times. All must know the
    same subwords (one prepared corpus, or nmt preprocess --tokenizer-model)."""
    batch_size: Annotated[Positive, CliOption("Run")] = 64
    """Sentences translated together."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    precision: Annotated[SearchPrecision, CliOption("Run")] = "auto"
    """Arithmetic of matrix products; auto takes fp32, so that no translation depends on its batch. Others are faster
    (nmt bench shows by how much, and what they cost): bf16 on a GPU or a CPU with AVX-512 BF16, int8 on a CPU."""
    threads: Annotated[Threads, CliOption("Run")] = 0
    """Processor threads; 0 takes all."""
    search: SearchConfig = SearchConfig()


class TranslateConfig(SearchingConfig):
    """Standard input to standard output: one line out for every line in."""

    model: Annotated[Path, CliOption("Run")] = Path("model")
    """Model folder."""
    output_format: Annotated[Literal["text", "jsonl"], CliOption("Output")] = "text"
    """Plain lines, or a JSON object a line with tokens, scores, probabilities and alignment."""
    alignment: Annotated[Path | None, CliOption("Output")] = None
    """Write word alignments of the best translations to this file, i-j pairs, a line for a line."""
    attention: Annotated[Path | None, CliOption("Output")] = None
    """Show what every line's translation looked at in this file: a page (.html), a picture (.svg, .png) or figures
    (.json)."""
    receipt: Annotated[Path | None, CliOption("Output")] = None
    """Write a JSON line for every input that was blank, split, cut at the limit or repeated itself."""
    target_prefix: Annotated[Path | None, CliOption("Search")] = None
    """File with a line for every input line: the beginning that its translation must have."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        taken: dict[Path, str] = {}
        for name in ("alignment", "attention", "receipt"):
            path = getattr(self, name)
            if path is None or path.is_char_device():  # /dev/null takes any number
                continue
            other = taken.setdefault(os.path.realpath(path), name)
            if other != name:
                raise ValueError(f"{other} and {name} would both be written to {path}; give each its own file")
        return self


class EvaluateConfig(SearchingConfig):
    """BLEU, chrF and TER with their signatures, confidence intervals and a table by length."""

    model: Annotated[Path | None, CliOption("Input")] = None
    """Model folder; without it and without --hypotheses: model."""
    split: Annotated[Literal["dev", "test"], CliOption("Input")] = "test"
    """Stored split to translate when no files are given."""
    prepared: Annotated[Path | None, CliOption("Input")] = None
    """Prepared corpus with that split; without it the one that the model was trained on."""
    source_file: Annotated[Path | None, CliOption("Input")] = None
    """Translate this file instead of a stored split (with --reference)."""
    reference: Annotated[list[Path], CliOption("Input")] = []
    """Reference translation, a line for a line, in place of the stored one; may be given several times."""
    hypotheses: Annotated[Path | None, CliOption("Input")] = None
    """Score this translation instead of translating; needs no model (one given tells its corpus and languages)."""
    target: Annotated[str | None, CliOption("Input")] = None
    """Target language, which chooses the tokenizer of BLEU; without it that of the model or the prepared corpus."""
    gold_alignment: Annotated[Path | None, CliOption("Statistics")] = None
    """Gold word alignment of the reference (i-j sure, ipj possible, from 0): also the alignment error rate of the
    model's attention while it reads the reference."""
    baseline: Annotated[Path | None, CliOption("Statistics")] = None
    """Another system's translation of the same lines: is the difference significant?"""
    significance: Annotated[Literal["bootstrap", "randomisation"], CliOption("Statistics")] = "bootstrap"
    """Paired test against the baseline."""
    resamples: Annotated[Positive, CliOption("Statistics")] = 1000
    """Bootstrap resamples for intervals; also resamples or trials of the paired test."""
    worst: Annotated[Count, CliOption("Output")] = 5
    """Worst sentences to show."""
    json_: Annotated[bool, CliOption("Output")] = Field(default=False, alias="json")
    """Print one JSON object instead of tables."""
    save: Annotated[Path | None, CliOption("Output")] = None
    """Also write the translation to this file."""


class BulkConfig(SearchingConfig):
    """A file of any size, translated by many processes."""

    source_file: Annotated[Path | None, CliOption(argument=True)] = None
    """Lines to translate: a file, also as .gz .bz2 .xz .zst."""
    out: Annotated[Path | None, CliOption("Run")] = None
    """File to write, a line for every line. What is done stands in a folder beside it until all is."""
    model: Annotated[Path, CliOption("Run")] = Path("model")
    """Model folder; workers on other machines need it under the same path."""
    overwrite: Annotated[bool, CliOption("Run")] = False
    """Replace a file that is already there."""
    workers: Annotated[Count, CliOption("Workers")] = 0
    """Processes to start on this machine; 0 starts one for each core."""
    scheduler: Annotated[str | None, CliOption("Workers")] = None
    """Address of a Dask scheduler, as tcp://HOST:8786, whose workers are to translate instead."""
    threads: Annotated[Positive, CliOption("Workers")] = 1
    """Processor threads of each worker."""
    shard_size: Annotated[Positive, CliOption("Workers")] = 2000
    """Lines that a worker is given at a time, sorted by length."""
    output_format: Annotated[Literal["text", "jsonl"], CliOption("Output")] = "text"
    """Plain lines, or a JSON object a line with tokens, scores, probabilities and alignment."""
    receipt: Annotated[Path | None, CliOption("Output")] = None
    """Write a JSON line for every input that was blank, split, cut at the limit or repeated itself."""


class BenchConfig(Settings):
    """How fast a model translates on this machine, and what each way costs in quality."""

    model: Annotated[Path, CliOption(argument=True)] = Path("model")
    """Model folder."""
    prepared: Annotated[Path | None, CliOption("Input")] = None
    """Prepared corpus to translate from; without it the one that the model was trained on."""
    split: Annotated[Literal["dev", "test"], CliOption("Input")] = "test"
    """Which of its splits."""
    lines: Annotated[Positive, CliOption("Input")] = 300
    """Lines to time, spread over the split (one by one no more than 40); BLEU is that of all."""
    precision: Annotated[list[Literal["fp32", "bf16", "int8"]], CliOption("Compared")] = []
    """Arithmetic to compare; may be given several times. Without it all that this machine can."""
    batch_size: Annotated[list[Positive], CliOption("Compared")] = [16, 64, 256]
    """Sentences translated together; may be given several times."""
    threads: Annotated[list[Positive], CliOption("Compared")] = []
    """Processor threads; may be given several times. Without it one, and all."""
    repeats: Annotated[Positive, CliOption("Run")] = 3
    """Times that everything is measured, in turn; the median counts."""
    device: Annotated[Device, CliOption("Run")] = "auto"
    """Where to compute."""
    json_: Annotated[bool, CliOption("Output")] = Field(default=False, alias="json")
    """Print one JSON object instead of a table."""
    search: SearchConfig = SearchConfig()
