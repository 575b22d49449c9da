"""Faults in the files of a prepared corpus and of a model, and documents as a stranger might write them."""

import copy
import hashlib
import json
import random
import struct
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tomli_w

from nmt_cli.checkpoint.header import header_metadata
from nmt_cli.checkpoint.layout import CONFIG, METRICS, MODEL, RESUME, WEIGHTS, check_run, model_folder
from nmt_cli.checkpoint.model_dir import load_model
from nmt_cli.checkpoint.tensors import read_tensors
from nmt_cli.corpus.cleaning_report import CleaningReport
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.lexicon import read_lexicon
from nmt_cli.corpus.manifest import REPORT, prepared_folder
from nmt_cli.errors import CheckpointError, NMTError
from nmt_cli.file_hashes import FileRecord
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.manifest import MANIFEST, OWN_HASH
from nmt_cli.training.history import CHECK, history_line, read_history


def read_corpus(path: Path) -> str:
    """A hash of everything that the commands read from a prepared corpus."""
    corpus = PreparedCorpus.open(path)
    digest = hashlib.sha256(repr([corpus.manifest.model_dump(), corpus.tokenizers.files()]).encode())
    for name in corpus.manifest.counts:
        split = corpus.split(name)
        rows = range(len(split))
        ids = [(split.source_ids(row).tolist(), split.target_ids(row).tolist()) for row in rows]
        digest.update(repr([ids, split.source_texts(), split.target_texts()]).encode())
    folder = prepared_folder(path, corpus.manifest)
    digest.update(read_lexicon(folder, corpus.tokenizers).tobytes())
    digest.update(CleaningReport.model_validate_json(folder.read(REPORT)).model_dump_json().encode())
    return digest.hexdigest()


def read_model(path: Path) -> str:
    """A hash of everything that the commands read from a model."""
    loaded = load_model(path, compute_for_search("cpu", "fp32", 1), packed=False)
    digest = hashlib.sha256(repr([loaded.manifest, loaded.config, loaded.metadata]).encode())
    state, metadata = read_tensors(path / RESUME)
    check_run(path / RESUME, metadata, loaded.manifest.run)
    for tensor in [*loaded.model.parameters(), *(state[name] for name in sorted(state))]:
        digest.update(repr(tensor.tolist()).encode())
    history = read_history(path / METRICS, loaded.manifest.run)
    if any("was cut off" in warning["message"] for warning in history.warnings):
        raise CheckpointError(f"{path}: the report warns")
    lexicon = read_lexicon(model_folder(path, loaded.manifest), loaded.tokenizers)
    digest.update(repr([metadata, history, lexicon.tolist()]).encode())
    return digest.hexdigest()


def outcome(read: Callable[[Path], str], path: Path) -> str:
    """What reading a folder gives, or the error that the user is told; any other exception is raised."""
    try:
        return read(path)
    except NMTError as error:
        message = str(error)
        assert "\n" not in message, message
        assert message.startswith(str(path)), message
        return "told"


def damaged(content: bytes, other: bytes, rng: random.Random, flips: int) -> Iterator[tuple[str, bytes | None]]:
    """Yield damaged contents, each with its name; None is a deleted file. `other` is that of another folder's file."""
    yield "deleted", None
    yield "emptied", b""
    yield "swapped", other
    yield "doubled", content * 2
    yield "zeros", bytes(len(content))
    for _ in range(flips):
        position = rng.randrange(len(content))
        flipped = bytearray(content)
        flipped[position] ^= 1 << rng.randrange(8)
        yield f"bit of byte {position}", bytes(flipped)
    for _ in range(1 + flips // 10):
        length = rng.randrange(len(content))
        yield f"cut at {length}", content[:length]


def nested(depth: int) -> Any:
    """A list in a list, so many levels deep."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


STRANGE: list[Any] = [
    None, True, -1, 0, 65_536, 2**31, 2**63, 10**100, 1e308, float("nan"), float("inf"), "", "x" * 10_000, "\ud800",
    "../../dev/zero", "\x1b[31m", "a\nb", [], {}, [[]], {"a": {}}, nested(11), nested(100), [1] * 10_000, "lstm", 1.5,
]  # fmt: skip
"""Values where others are expected."""


def changed_values(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A copy of a document, in which one or two values are strange, missing or in addition."""
    result = copy.deepcopy(document)
    for _ in range(rng.choice([1, 1, 2])):
        place: Any = result
        while True:
            key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
            child = place[key]
            if not isinstance(child, dict | list) or not child or rng.random() < 0.3:
                break
            place = child
        change = rng.randrange(8)
        if change == 0:
            del place[key]
        elif change == 1 and isinstance(place, dict):
            place[rng.choice(["new", "\ud800", "a.b"])] = rng.choice(STRANGE)
        else:
            place[key] = rng.choice(STRANGE)
        if not result:
            break
    return result


def write_manifest(path: Path, content: dict[str, Any]) -> None:
    """Write a manifest with the hash that a stranger can compute too."""
    content.pop(OWN_HASH, None)
    own = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    (path / MANIFEST).write_text(json.dumps({**content, OWN_HASH: own}))


def write_options(path: Path, options: dict[str, Any]) -> None:
    """Write the options of a model, and its manifest with their hash."""
    try:
        content = tomli_w.dumps(options).encode("utf-8", "surrogatepass")
    except (TypeError, AttributeError, ValueError):  # TOML has no such value
        content = json.dumps(options).encode()
    write_options_text(path, content)


def write_options_text(path: Path, content: bytes) -> None:
    """Write the file of options of a model, and its manifest with its hash."""
    (path / CONFIG).write_bytes(content)
    manifest = MODEL.read(path)
    files = {**manifest.files, CONFIG: FileRecord.of(content)}
    MODEL.write(path, manifest.model_copy(update={"files": files}))


def split_tensor_file(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the tensors of a tensor file."""
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def write_tensor_file(path: Path, header: dict[str, Any], tensors: bytes) -> None:
    """Write a tensor file; a stranger can compute the hash of its metadata too."""
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + tensors)


def changed_header(path: Path, rng: random.Random) -> None:
    """Change the header of a tensor file, or nmt's metadata in it."""
    header, tensors = split_tensor_file(path.read_bytes())
    if rng.random() < 0.5:
        metadata = changed_values(json.loads(header["__metadata__"]["nmt"]), rng)
        try:
            header["__metadata__"] = header_metadata(metadata)
        except UnicodeEncodeError:  # no hash of half of a surrogate pair
            header["__metadata__"]["nmt"] = json.dumps(metadata)
    else:
        header = changed_values(header, rng)
    write_tensor_file(path, header, tensors)


HOSTILE_JSON = [
    b"", b"[", b"[" * 100_000, b'{"a":' * 100_000, b'{"kind": ' + b"9" * 10_000 + b"}", b'{"kind": "\\ud800"}',
    b"\xff\xfe{}", b'{"kind": NaN}', b"null", b"7", b'"x"', b" " * (1 << 21), b'{"kind": "model", "format": true}',
    b'{"kind": "model", "format": 1e400}', b'{"kind": ["model"], "format": {}}',
]  # fmt: skip
"""Documents that are not a manifest."""

HOSTILE_TOML = [
    b"", b"a." * 50_000 + b"a = 1", b"a = " + b"[" * 30_000, b"a = " + b"{a=" * 10_000, b"a = 0x" + b"f" * 60_000,
    b"a = " + b"9" * 10_000, b"[model]\nencoder_layers = 65536", b"[model]\nhidden_size = 65536",
    b"[model]\ndropout = nan", b"[model]\ncell = []", b"[model]\ncell = {a = 1}", b"model = 1", b"\xff", b"a\x00b = 1",
    b"\n".join(b"[b%d" % i + b".a" * 250 + b"]" for i in range(120)), b"[[model]]\n" * 6000,
]  # fmt: skip
"""Documents that are not the options of a model."""


def changed_metrics(path: Path, run: str, rng: random.Random) -> None:
    """Change a record of metrics.jsonl, with a hash that a stranger can compute too."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    chosen = rng.randrange(len(records))
    records[chosen].pop(CHECK)
    records[chosen] = changed_values(records[chosen], rng)
    lines = [record if CHECK in record else json.loads(history_line(record, run)) for record in records]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def changed_folder(corpus: Path, model: Path, rng: random.Random) -> str:
    """Change one document of these folders as a stranger might; returns what was changed."""
    kind = rng.choice(["corpus", "model", "options", "weights", "state", "metrics", "not JSON", "not options"])
    if kind == "corpus":
        write_manifest(corpus, changed_values(json.loads((corpus / MANIFEST).read_text()), rng))
    elif kind == "model":
        write_manifest(model, changed_values(json.loads((model / MANIFEST).read_text()), rng))
    elif kind == "options":
        write_options(model, changed_values(tomllib.loads((model / CONFIG).read_text()), rng))
    elif kind in ("weights", "state"):
        changed_header(model / (WEIGHTS if kind == "weights" else RESUME), rng)
    elif kind == "metrics":
        changed_metrics(model / METRICS, MODEL.read(model).run, rng)
    elif kind == "not JSON":
        (rng.choice([corpus, model]) / MANIFEST).write_bytes(rng.choice(HOSTILE_JSON))
    else:
        write_options_text(model, rng.choice(HOSTILE_TOML))
    return kind
