"""Deliberate breaks of the code, each of which a test must catch: `make breaks`, or `python tests/breaks.py NAME ...`.

Each break replaces one passage in a copy of the working tree and runs one test there, which must fail. The promises
that they break are those of docs/promises.md.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Break(NamedTuple):
    """In `file` the passage `before` is replaced by `after`; `test` fails."""

    name: str
    file: str
    before: str
    after: str
    test: str


BREAKS = [
    Break(
        "other line ends",
        "nmt_cli/decoding/text_stream.py",
        'first, *more = data.split(b"\\n")',
        'first, *more = data.replace(b"\\x0c", b"\\n").split(b"\\n")',
        "tests/unit/test_text_stream.py::test_only_a_line_feed_ends_a_line",
    ),
    Break(
        "lines by Python's rules",
        "nmt_cli/corpus/text_io.py",
        'lines = text.split("\\n")\n        if not lines[-1]:\n            lines.pop()\n        if "\\r"',
        'lines = text.splitlines()\n        if "\\r"',
        "tests/unit/test_text_io.py::test_only_a_line_feed_ends_a_line",
    ),
    Break(
        "padding is attended to",
        "nmt_cli/model/attention.py",
        'scores.float().masked_fill(~mask.unsqueeze(1), float("-inf")).softmax(-1)',
        "scores.float().softmax(-1)",
        "tests/unit/test_model.py::test_padding_and_other_sentences_of_the_batch_change_nothing",
    ),
    Break(
        "search ends too early",
        "nmt_cli/decoding/search.py",
        "return bound <= self.pool.worst[beam.rows]",
        "return bound <= self.pool.worst[beam.rows] + 1.0",
        "tests/unit/test_search_beam.py::test_stopping_early_loses_nothing_without_a_length_penalty",
    ),
    Break(
        "a score without the end of the sentence",
        "nmt_cli/decoding/search.py",
        "self.pool.add(new_beam.rows, ending, self._score(new_beam, t + 1), new_beam.log_probs, t)",
        "self.pool.add(new_beam.rows, ending, self._score(new_beam, t + 1), beam.log_probs, t)",
        "tests/unit/test_search_beam.py::test_score_equals_the_rescored_log_probability",
    ),
    Break(
        "resuming without the random numbers",
        "nmt_cli/training/state.py",
        "        _load_random(tensors, train_step)\n",
        "",
        "tests/integration/test_train.py::test_interrupted_and_resumed_run_equals_an_uninterrupted_one",
    ),
    Break(
        "resuming without Adam's moments",
        "nmt_cli/training/state.py",
        "        _load_moments(tensors, train_step)\n",
        "",
        "tests/integration/test_train.py::test_interrupted_and_resumed_run_equals_an_uninterrupted_one",
    ),
    Break(
        "resuming at the start of the epoch",
        "nmt_cli/training/trainer.py",
        "yield from loader.iterate(self.state.batches)",
        "yield from loader.iterate(0)",
        "tests/integration/test_train.py::test_interrupted_and_resumed_run_equals_an_uninterrupted_one",
    ),
    Break(
        "a resumed run forgets its options",
        "nmt_cli/training/train.py",
        "                    _update_folder(loaded, callback)\n",
        "                    pass\n",
        "tests/integration/test_train.py::test_options_of_a_resumed_run_are_in_force_when_it_is_resumed_again",
    ),
    Break(
        "files are written in place",
        "nmt_cli/atomic.py",
        "            yield temporary\n            sync_file(temporary)\n",
        "            yield path\n            sync_file(temporary)\n",
        "tests/unit/test_checkpoint.py::test_a_failed_write_leaves_the_old_file",
    ),
    Break(
        "renamed before it is on the disk",
        "nmt_cli/atomic.py",
        "            sync_file(temporary)\n",
        "",
        "tests/unit/test_checkpoint.py::test_data_is_synced_to_disk_before_the_rename",
    ),
    Break(
        "a stranger's folder is removed",
        "nmt_cli/atomic_directory.py",
        "            if not (leftover / MARK).exists():\n",
        "            if False:\n",
        "tests/unit/test_atomic_directory.py::test_only_marked_folders_are_removed_as_leftovers",
    ),
    Break(
        "a folder of shards is taken for ours",
        "nmt_cli/api/shards.py",
        "if self.path.exists() and not (self.path.is_dir() and self._is_ours()):",
        "if False:",
        "tests/integration/test_bulk.py::test_a_folder_of_the_user_beside_the_output_is_left_alone",
    ),
    Break(
        "bulk starts without the lock",
        "nmt_cli/api/shards.py",
        "            if locked is False:\n",
        "            if False:\n",
        "tests/integration/test_bulk.py::test_a_second_run_changes_nothing_while_the_first_holds_the_lock",
    ),
    Break(
        "a half moved model stays in two halves",
        "nmt_cli/checkpoint/output_dir.py",
        "                (moving / name).rename(out / name)\n",
        "                pass\n",
        "tests/unit/test_output_dir.py::test_a_killed_replacement_is_undone_by_the_next_run",
    ),
    Break(
        "an output may be an input",
        "nmt_cli/paths.py",
        "        if (writer := written.get(identity(given.path))) is not None:\n",
        "        if (writer := written.get((given.path,))) is not None:\n",
        "tests/unit/test_paths.py::test_one_file_is_never_given_twice",
    ),
    Break(
        "hashes of small files are not checked",
        "nmt_cli/file_hashes.py",
        "if FileRecord.of(content) != record:",
        "if False:",
        "tests/unit/test_file_hashes.py::test_damage_of_any_file_is_told",
    ),
    Break(
        "hashes of mapped files are not checked",
        "nmt_cli/file_hashes.py",
        'if hashlib.file_digest(file, "sha256").hexdigest() != record.sha256:',
        "if False:",
        "tests/unit/test_file_hashes.py::test_damage_of_any_file_is_told",
    ),
    Break(
        "the hash of the weights is not checked",
        "nmt_cli/checkpoint/tensors.py",
        'if _hash(tensors) != metadata.get("sha256"):',
        "if False:",
        "tests/unit/test_checkpoint.py::test_damage_is_detected",
    ),
    Break(
        "a manifest's own hash is not checked",
        "nmt_cli/manifest.py",
        "if recorded != _hash(content):",
        "if False:",
        "tests/unit/test_file_hashes.py::test_a_manifest_that_was_changed_by_hand_is_told",
    ),
    Break(
        "any depth is parsed",
        "nmt_cli/documents.py",
        '    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")\n\n\ndef _parts',
        "\n\ndef _parts",
        "tests/unit/test_documents.py::test_hostile_json_is_refused",
    ),
    Break(
        "a link leads out of the folder",
        "nmt_cli/documents.py",
        "if folder is not None and not Path(os.path.realpath(path))",
        "if False and folder is not None and not Path(os.path.realpath(path))",
        "tests/unit/test_documents.py::test_only_regular_files_of_limited_size_within_the_folder_are_read",
    ),
    Break(
        "memory is allocated for what a config says",
        "nmt_cli/checkpoint/model_dir.py",
        "        lambda built: check_shapes(built, read_header(path / WEIGHTS).shapes, path / WEIGHTS),\n",
        "        lambda built: None,\n",
        "tests/unit/test_checkpoint.py::test_a_config_that_does_not_fit_the_weights_is_refused_before_memory_is_allocated",
    ),
    Break(
        "weights are unpickled",
        "nmt_cli/checkpoint/tensors.py",
        "    metadata = read_header(path).metadata\n    try:\n        tensors = load_file(path)\n",
        "    tensors, metadata = torch.load(path, weights_only=False), {}\n    try:\n        pass\n",
        "tests/unit/test_checkpoint.py::test_damage_is_detected",
    ),
    Break(
        "escape characters reach the terminal",
        "nmt_cli/terminal.py",
        'return _OBEYED.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text)',
        "return text",
        "tests/unit/test_terminal.py::test_hostile_manifests_and_names_are_shown_escaped",
    ),
    Break(
        "a hangup loses the run",
        "nmt_cli/signals.py",
        "STOP_SIGNALS = tuple(filter(None, (signal.SIGINT, signal.SIGTERM, SIGHUP)))",
        "STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)",
        "tests/integration/test_train.py::test_interrupted_and_resumed_run_equals_an_uninterrupted_one",
    ),
    Break(
        "ids are learnt as text",
        "nmt_cli/corpus/columns.py",
        "return not _is_id(cells) and not _is_label(cells)",
        "return True",
        "tests/unit/test_columns.py::test_the_columns_of_text_are_found_among_others",
    ),
    Break(
        "a text is replaced away",
        "nmt_cli/corpus/text_io.py",
        "if replaced >= _MANY_INVALID and _MOSTLY * replaced > len(text):",
        "if False:",
        "tests/unit/test_text_io.py::test_text_that_replacing_would_destroy_is_refused",
    ),
    Break(
        "a named character is dropped",
        "nmt_cli/corpus/tmx.py",
        'character = html5.get(f"{name};")',
        'character = ""',
        "tests/unit/test_tmx.py::test_characters_that_html_names_are_kept_and_other_entities_refused",
    ),
    Break(
        "invisible characters are text",
        "nmt_cli/corpus/cleaning.py",
        "if is_blank(source) or is_blank(target):",
        "if not source.strip() or not target.strip():",
        "tests/unit/test_cleaning.py::test_text_without_a_visible_character_is_blank",
    ),
    Break(
        "one long pair takes all memory",
        "nmt_cli/training/validation.py",
        "rows = np.flatnonzero(longer <= limit)",
        "rows = np.flatnonzero(longer >= 0)",
        "tests/integration/test_train.py::test_dev_loss_leaves_out_long_pairs_and_says_so",
    ),
    Break(
        "a stalled server is waited for",
        "nmt_cli/corpus/web.py",
        'return _PassingError(f"no data for {STALL:.0f} s")',
        'return CorpusError(f"{url}: not found")',
        "tests/unit/test_web.py::test_what_may_pass_is_tried_again",
    ),
    Break(
        "TER of a document",
        "nmt_cli/evaluation/metrics.py",
        "return [any(count(line) > MAX_TER_WORDS for line in lines) for lines in sides]",
        "return [False for _ in sides]",
        "tests/unit/test_scores.py::test_ter_leaves_out_very_long_sentences_and_says_so",
    ),
    Break(
        "a number without its model",
        "nmt_cli/evaluation/translate.py",
        '**{key: loaded.metadata.get(key) for key in ("sha256", "step")}',
        '**{key: loaded.metadata.get(key) for key in ("step",)}',
        "tests/integration/test_eval.py::test_json_output_has_all_keys",
    ),
    Break(
        "forged subwords are believed",
        "nmt_cli/corpus/tokenizer.py",
        "        if not math.isfinite(score := processor.get_score(i)):\n",
        "        if (score := processor.get_score(i)) is None:\n",
        "tests/unit/test_tokenizer.py::test_tokenizer_files_that_sentencepiece_does_not_check_are_refused",
    ),
    Break(
        "an option does nothing",
        "nmt_cli/training/schedule.py",
        '"cosine": 0.5 * (1.0 + math.cos(math.pi * progress)),',
        '"cosine": 1.0 - progress,',
        "tests/integration/test_train.py::test_each_option_changes_the_weights",
    ),
    Break(
        "importing changes the process",
        "nmt_cli/__init__.py",
        "from importlib import import_module\n",
        'from importlib import import_module\n\nimport_module("torch").set_num_threads(1)\n',
        "tests/unit/test_public.py::test_importing_the_package_imports_nothing_else",
    ),
]


def copy_of_the_tree(folder: Path) -> None:
    """Copy what is tracked, and what is new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def run_tests(tests: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run tests in a copy of the tree."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def is_caught(break_: Break, folder: Path) -> bool:
    """Whether the test fails in a copy of the tree that is broken."""
    file = folder / break_.file
    whole = file.read_text()
    assert whole.count(break_.before) == 1, f"{break_.name}: the passage is not, or not once, in {break_.file}"
    file.write_text(whole.replace(break_.before, break_.after))
    try:
        ended = run_tests([break_.test], folder)
        return ended.returncode == 1 and "\nERROR " not in ended.stdout
    finally:
        file.write_text(whole)


def main(names: list[str]) -> int:
    """Apply the breaks of these names, or all, each to whole code whose tests pass; 1 if a test did not notice one."""
    chosen = [break_ for break_ in BREAKS if not names or break_.name in names]
    missed = []
    with tempfile.TemporaryDirectory() as temporary:
        copy_of_the_tree(Path(temporary))
        whole = run_tests(sorted({break_.test for break_ in chosen}), Path(temporary))
        if whole.returncode != 0:
            print(f"the tests fail without any break:\n{whole.stdout}")
            return 1
        for break_ in chosen:
            caught = is_caught(break_, Path(temporary))
            print(f"{'caught' if caught else 'MISSED'}  {break_.name}: {break_.test}", flush=True)
            missed += [] if caught else [break_.name]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} breaks were caught")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
