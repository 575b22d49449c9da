"""Translation memories as people's tools write them: encodings, entities, prefixes, language codes, sizes."""

from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.corpus import tmx
from nmt_cli.corpus.readers import locate, read_pairs
from nmt_cli.corpus.tabular import Fields
from nmt_cli.errors import CorpusError

PAIRS = [("a red apple", "빨간 사과"), ("the sea & the sky", "바다와 하늘 <여기>"), ("two", "둘")]


def read(path: Path, languages: tuple[str, str] = ("en", "ko"), encoding: str = "") -> list[tuple[str, str]]:
    return list(read_pairs(locate(str(path), "auto", languages), Fields(languages, encoding=encoding)))


def document(
    pairs: list[tuple[str, str]] = PAIRS, codes: tuple[str, str] = ("en", "ko"), prefix: str = "", segment: str = "seg"
) -> str:
    units = "".join(
        "<p:tu>"
        + "".join(
            f'<p:tuv xml:lang="{code}"><p:{segment}>{escape(side)}</p:{segment}></p:tuv>'
            for code, side in zip(codes, pair, strict=True)
        )
        + "</p:tu>\n"
        for pair in pairs
    )
    body = f"<p:tmx><p:header/><p:body>\n{units}</p:body></p:tmx>"
    return body.replace("p:", f"{prefix}:" if prefix else "")


ENCODINGS = ["UTF-8", "utf-8", "EUC-KR", "ks_c_5601-1987", "cp949", "iso-2022-kr", "johab"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("prefix", ["", "tmx"])
def test_a_declared_encoding_is_read(tmp_path: Path, encoding: str, prefix: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n{document(prefix=prefix)}'
    (tmp_path / "f.tmx").write_bytes(text.encode(encoding))
    assert read(tmp_path / "f.tmx") == PAIRS


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "f.tmx").write_bytes(f'<?xml version="1.0" encoding="UTF-16"?>{document()}'.encode(encoding))
    assert read(tmp_path / "f.tmx") == PAIRS


@pytest.mark.parametrize("encoding", ["x-none", "rot13", "zlib", "", "x\x1b"])
def test_an_unknown_encoding_is_named_and_can_be_given(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "f.tmx").write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{document()}'.encode("cp949"))
    with pytest.raises(CorpusError, match=r"f\.tmx:1: declares the encoding .*, which is not known; .*--encoding"):
        read(tmp_path / "f.tmx")
    if encoding.isalnum():  # the declaration is well-formed
        assert read(tmp_path / "f.tmx", encoding="cp949") == PAIRS


def test_bytes_that_are_not_in_the_declared_encoding_are_told(tmp_path: Path) -> None:
    (tmp_path / "f.tmx").write_bytes(f'<?xml version="1.0" encoding="UTF-8"?>\n{document()}'.encode("cp949"))
    with pytest.raises(
        CorpusError, match=r"f\.tmx:3: byte 0x[0-9A-F]{2} is not utf-8; it looks like cp949; give another --encoding"
    ):
        read(tmp_path / "f.tmx")


@pytest.mark.parametrize("doctype", ["", '<!DOCTYPE tmx SYSTEM "tmx14.dtd">', "<!DOCTYPE tmx []>"])
def test_characters_that_html_names_are_kept_and_other_entities_refused(tmp_path: Path, doctype: str) -> None:
    text = doctype + document([("caf", "x")])
    (tmp_path / "f.tmx").write_text(text.replace("caf", "caf&eacute;&nbsp;&lt;&amp;&#233;"), encoding="utf-8")
    assert read(tmp_path / "f.tmx") == [("café\u00a0<&é", "x")]
    (tmp_path / "f.tmx").write_text(text.replace("caf", "caf&mine;"))
    with pytest.raises(CorpusError, match=r"f\.tmx:2: the entity &mine; is not known"):
        read(tmp_path / "f.tmx")


@pytest.mark.parametrize("codes", [("eng-US", "kor-KR"), ("EN_gb", "KO"), ("eng", "kor")])
def test_forms_of_a_code_are_the_language(tmp_path: Path, codes: tuple[str, str]) -> None:
    (tmp_path / "f.tmx").write_text(document(codes=codes), encoding="utf-8")
    assert read(tmp_path / "f.tmx") == PAIRS
    assert read(tmp_path / "f.tmx", ("eng", "ko-Kore")) == PAIRS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (document(codes=("fr", "it")), r"no pair of en and ko; its languages are fr, it"),
        (document(segment="text"), r"no pair of en and ko; its translations have no <seg>"),
        ("<tmx><body/></tmx>", r"no pair of en and ko; it has no translations \(<tuv>\)"),
        ("<a>" * 300, r"more than 256 elements within each other"),
        ("<a>" * 100_000, r"more than 256 elements within each other"),
    ],
)
def test_a_memory_without_pairs_is_told_what_it_holds(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "f.tmx").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        read(tmp_path / "f.tmx")


@pytest.mark.parametrize(
    "long", ["<seg>{}</seg>", "<seg><hi>{}</hi></seg>", "<!-- {} -->", '<note x="{}"/>', "<?x {}?>"]
)
def test_what_is_longer_than_a_line_may_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: str
) -> None:
    for name in ("MAX_LINE_BYTES", "_UNSEEN"):
        monkeypatch.setattr(tmx, name, 1 << 20)
    content = document().replace("<seg>two</seg>", long.format("word " * 1_000_000), 1)
    (tmp_path / "f.tmx").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"f\.tmx:\d+: (a segment of )?more than 1 MiB"):
        read(tmp_path / "f.tmx")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400))
def test_damaged_bytes_are_one_error_or_pairs(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, position: int
) -> None:
    path = tmp_path_factory.mktemp("tmx") / "f.tmx"
    whole = f'<?xml version="1.0" encoding="EUC-KR"?>\n{document()}'.encode("euc-kr")
    path.write_bytes(whole[:position] + junk + whole[position:])
    try:
        pairs, message = read(path), f"{path}:"
    except CorpusError as error:
        pairs, message = [], str(error)
    assert len(pairs) <= len(PAIRS)
    assert message.startswith(f"{path}:")
    assert "\n" not in message
