"""Reading notes: what counts as title, questions and text, and what bad files say."""

from pathlib import Path

import pytest

from reference_pipeline.answering.notes import (
    MAX_NOTE_BYTES,
    NotesError,
    bundled_notes,
    load_note,
    load_notes,
)


def write(directory: Path, name: str, content: str | bytes) -> Path:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_note_has_the_first_heading_as_title_and_the_rest_as_text(tmp_path: Path) -> None:
    note = load_note(write(tmp_path, "gc.md", "# Garbage\n\nFirst.\n\n## More\n\nSecond.\n"))
    assert (note.name, note.title) == ("gc", "Garbage")
    assert note.body == "First.\n\n## More\n\nSecond."
    assert note.asked_as == ()


def test_the_section_asked_as_lists_questions_and_is_not_shown(tmp_path: Path) -> None:
    text = "# T\n\nBody.\n\n## Asked as\n\n- what is t\n* how is t\n\n## After\n\nTail.\n"
    note = load_note(write(tmp_path, "t.md", text))
    assert note.asked_as == ("what is t", "how is t")
    assert note.body == "Body.\n\n## After\n\nTail."


def test_a_note_without_a_heading_is_titled_by_its_name(tmp_path: Path) -> None:
    assert load_note(write(tmp_path, "tight-deadline.md", "Cut.")).title == "tight deadline"


def test_text_is_kept_as_it_was_written(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> & *stars* \\n"
    assert load_note(write(tmp_path, "x.md", evil)).body == evil


def test_a_byte_order_mark_and_windows_line_ends_are_understood(tmp_path: Path) -> None:
    note = load_note(write(tmp_path, "w.md", b"\xef\xbb\xbf# Title\r\n\r\nBody.\r\n"))
    assert (note.title, note.body) == ("Title", "Body.")


def test_notes_are_ordered_by_name_and_the_glossary_is_none(tmp_path: Path) -> None:
    for name in ("b.md", "a.md", "glossary.md", "readme.txt"):
        write(tmp_path, name, "Text.")
    assert [note.name for note in load_notes(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"caf\xe9", "not UTF-8 text \\(byte 3\\); save the note as UTF-8"),
        (b"x" * (MAX_NOTE_BYTES + 1), "over 256 KiB; split it"),
        (b"", "no text beyond its headings"),
        (b"# Only a title\n", "no text beyond its headings"),
    ],
)
def test_a_bad_note_is_named_with_what_to_do(content: bytes, reason: str, tmp_path: Path) -> None:
    path = write(tmp_path, "bad.md", content)
    with pytest.raises(NotesError, match=reason) as caught:
        load_note(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_note_of_exactly_the_largest_size_is_read(tmp_path: Path) -> None:
    assert len(load_note(write(tmp_path, "big.md", b"x" * MAX_NOTE_BYTES)).body) == MAX_NOTE_BYTES


def test_an_absent_note_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotesError, match="cannot be read"):
        load_note(tmp_path / "none.md")


def test_an_absent_directory_and_one_without_notes_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotesError, match="no such directory of notes"):
        load_notes(tmp_path / "nowhere")
    with pytest.raises(NotesError, match="holds no notes"):
        load_notes(tmp_path)


def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotesError, match="no such directory of notes"):
        load_notes(write(tmp_path, "a.md", "Text."))


def test_every_bundled_note_says_what_it_is_asked_as_and_answers_in_a_few_sentences() -> None:
    for note in load_notes(bundled_notes()):
        assert note.asked_as, note.name
        assert 3 <= note.body.count(".") + note.body.count("?") <= 8, note.name


def test_the_lines_of_a_paragraph_are_joined_and_lists_and_code_are_not(tmp_path: Path) -> None:
    path = tmp_path / "note.md"
    path.write_text("# T\n\none\ntwo\n\nthree\n- a\n- b\n\n```\nx\ny\n```\nfour  \nfive\n")
    assert load_note(path).body == "one two\n\nthree\n- a\n- b\n\n```\nx\ny\n```\nfour  \nfive"
