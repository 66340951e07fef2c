"""Pages of tables."""

from html.parser import HTMLParser

from deg_core.data.html import Cell, heading, page, paragraph, table


def tags_of(text):
    """List opening and closing tags; fails where they do not match."""
    found, stack = [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))
            if tag != "meta":
                stack.append(tag)

        def handle_endtag(self, tag):
            assert stack.pop() == tag

    Reader().feed(text)
    assert stack == []
    return found


def test_names_are_text_whatever_they_hold():
    rows = [["<b>", Cell("a & b", kind="number", tag="good", swatch="#112233")]]
    text = page("x < y", [heading("h>"), paragraph("<script>"), table(["<i>"], rows)])
    names = [tag for tag, _ in tags_of(text)]
    assert not {"b", "i", "script"} & set(names)
    for escaped in ("x &lt; y", "h&gt;", "&lt;script&gt;", "&lt;b&gt;", "a &amp; b"):
        assert escaped in text


def test_a_cell_has_its_color_and_square():
    tags = tags_of(Cell("groom", kind="number", tag="bad", swatch="#0072b2").html())
    assert tags == [
        ("td", {"class": "number"}),
        ("span", {"class": "swatch", "style": "background:#0072b2"}),
        ("span", {"class": "tag bad"}),
    ]
    assert Cell("x").html() == "<td>x</td>"


def test_a_page_needs_nothing_beside_it():
    text = page("t", [table(["a", "b"], [])])
    assert text.startswith("<!DOCTYPE html>\n")
    assert "http" not in text
    assert [tag for tag, _ in tags_of(text)].count("tr") == 1
