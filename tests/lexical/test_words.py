"""What is a word, script by script; plain English words are those of ``\\w\\w+``, to the last one."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.lexical.words import is_plain, words

COMPOSED = ["é", "\u212b", "が", "각", "ά", "\u1f71", "\u0958", "\uf91d", "ộ", "İ"]  # three of them not in NFC
ASSIGNED = st.text(alphabet=st.characters(exclude_categories=["Cn", "Cs"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The well-known iPhone_15, in 2026 (a B)", "the well known iphone_15 in 2026"),
        ("Über naïve Größen: 10² m²", "über naïve größen 10² m²"),
        ("Съешь ещё этих", "съешь ещё этих"),
        # as Lucene's TestCJKAnalyzer has it
        ("一二三四五六七八九十", "一二 二三 三四 四五 五六 六七 七八 八九 九十"),
        ("あいうえおabcかきくけこ", "あい いう うえ えお abc かき きく くけ けこ"),
        ("iPhone手机，2026年、5G 水", "iphone 手机 2026 年 5g 水"),
        ("カナ ｶﾅ ｶﾞﾅ ＡＢＣ１", "カナ カナ ガナ abc1"),
        ("人々は二〇二六", "人々 々は は二 二〇 〇二 二六"),
        ("葛\U000e0100城 ☺\ufe0f 1\ufe0f\u20e3", "葛城"),
        ("𠮷野家", "𠮷野 野家"),
        ("한국어는 쉽다", "한국 국어 어는 쉽다"),
        ("ภาษาไทยง่าย ๒๕๖๓", "ภา าษ ษา าไ ไท ทย ยง่ ง่า าย ๒๕๖๓"),
        ("ພາສາ", "ພາ າສ ສາ"),
        ("ភាសាខ្មែរ", "ភាសា សាខ្ ខ្មែ មែរ"),
        ("မြန်မာစာ", "မြန် န်မာ မာစာ"),
        ("हिन्दी में, किताबें।", "हिन्दी में किताबें"),
        ("கணினி மொழி", "கணினி மொழி"),
        ("كِتَابٌ كتـــاب آمن", "كتاب كتاب آمن"),
        ("שָׁלוֹם לָךְ", "שלום לך"),
        ("İstanbul ISTANBUL", "istanbul istanbul"),
        ("\u0301 \u200d 😀🎉 … ١ 7", ""),
        ("", ""),
    ],
)
def test_words_of_a_script(text: str, expected: str) -> None:
    assert words(text) == expected.split()


@given(st.text(alphabet=st.characters(max_codepoint=0x24F)))
def test_words_of_latin_texts_are_runs_of_letters_and_digits(text: str) -> None:
    """scikit-learn's token pattern, bm25s's own."""
    if "İ" not in text:
        assert words(text) == re.findall(r"(?u)\b\w\w+\b", text.lower())
        assert is_plain(text)


@given(st.lists(st.sampled_from([*"ab 1.猫", *COMPOSED])).map("".join))
def test_texts_that_are_canonically_the_same_have_the_same_words(text: str) -> None:
    assert words(unicodedata.normalize("NFC", text)) == words(unicodedata.normalize("NFD", text)) == words(text)


@given(ASSIGNED)
def test_a_word_is_never_empty_and_holds_nothing_that_divides_words(text: str) -> None:
    for word in words(text):
        assert re.search(r"\w", word)
        assert not re.search(r"\s", word)
    assert words(f"{text} \n {text}") == words(text) * 2


@given(st.text(alphabet=st.sampled_from("猫狗鱼鸟人"), min_size=2))
def test_a_part_of_a_text_without_spaces_has_words_of_the_whole(text: str) -> None:
    assert set(words(text[1:])) <= {*words(text), text[1:]}
    assert len(words(text)) == len(text) - 1
