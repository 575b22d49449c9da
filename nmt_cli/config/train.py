"""Options of `nmt train`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from nmt_cli.config.values import (
    Count,
    Device,
    Fraction,
    FrozenPart,
    Layers,
    Positive,
    Precision,
    Probability,
    ScheduledSampling,
    Score,
    Threads,
    Width,
)
from nmt_cli.settings import CliOption, Settings


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
    more than two layers; half of that with --from."""
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
