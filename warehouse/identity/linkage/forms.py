"""Forms of many names at once: words are judged one by one in `names`, names are put together from them as arrays.

A million names have some ten thousands of words; what is done once for each name is done in compiled code.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.identity.linkage import names

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class NameForms(NamedTuple):
    """Forms in which one name is compared; see `name_form_table`."""

    key: str
    fold: str
    sound: str
    skeleton: str
    code: str
    script: str
    suffix: str
    pairs: int


def name_forms(name: str) -> NameForms:
    """Return the forms of one name."""
    return NameForms(*(column[0].as_py() for column in name_form_table([name]).columns))


def name_form_table(texts: Sequence[str]) -> Any:
    """Return an Arrow table with the forms of names: a row for each in order, columns as NameForms.

    key: romanised words sorted. fold: the same without freedom of spelling. sound: letters folded, in the order
    written, without blanks (Kai Xuan = Kaixuan). skeleton: consonants only. code: the words as written in one byte a
    letter, sorted, for distances within one script. script: of the first letter, as Unicode names it. suffix: what
    tells relatives of one name apart, where the name has it. pairs: see `letter_pairs`. All are empty (0) for a text
    without letters.
    """
    written = _Words.of([text.split() for text in texts])
    known = [names.written_word(word) for word in written.vocabulary]
    romans = written.spread([word.romans for word in known])
    kept = romans.where(_is_kept(romans))
    tokens = kept.mapped(names.full_form)
    sounds = tokens.mapped(names.fold_or_word)
    has_name, shortened = kept.counts() > 0, kept.counts() < romans.counts()
    return pa.table(
        {
            "key": tokens.sorted(once=True).joined(" "),
            "fold": sounds.sorted(once=True).joined(" "),
            "sound": _folded(tokens.joined("")),
            "skeleton": _without_repeats(tokens.mapped(names.consonants).joined("")),
            "code": _only(has_name, written.replaced([word.code for word in known]).sorted().joined("")),
            "script": _only(has_name, written.first([word.script for word in known])),
            "suffix": _only(shortened, written.first([word.suffix for word in known], after=1)),
            "pairs": pa.array(sounds.union([letter_pairs(word) for word in sounds.vocabulary])),
        }
    )


@lru_cache(maxsize=1 << 18)
def letter_pairs(word: str) -> int:
    """Return a set of 64 bits: a bit for each pair of neighbouring letters of a folded word, its edges included.

    Two names that share fewer than two thirds of the smaller set are not one name with a slip (a Bloom filter of
    bigrams, after Schnell, Bachteler and Reiher 2009).
    """
    edged = f"^{word}$"
    return sum({1 << (31 * ord(one) + ord(other)) % 64 for one, other in zip(edged, edged[1:], strict=False)})


@dataclass(frozen=True)
class _Words:
    """The words of names: word i belongs to name owner[i] (ascending) and is vocabulary[number[i]]."""

    size: int
    owner: Numbers
    number: Numbers
    vocabulary: list[str]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> "_Words":
        counts = np.fromiter(map(len, lists), dtype="int64", count=len(lists))
        encoded = pa.array(chain.from_iterable(lists), pa.string()).dictionary_encode()
        number = encoded.indices.to_numpy(zero_copy_only=False).astype("int64")
        return cls(len(lists), np.repeat(np.arange(len(lists)), counts), number, encoded.dictionary.to_pylist())

    def counts(self) -> Numbers:
        """Words of each name."""
        return np.bincount(self.owner, minlength=self.size)

    def any_of(self, flags: Flags) -> Flags:
        """Whether a word of the name is flagged; flags are by word."""
        return np.asarray(np.bincount(self.owner[flags], minlength=self.size) > 0)

    def place(self) -> Numbers:
        """Place of each word in its name, from 0."""
        counts = self.counts()
        return np.arange(len(self.owner)) - np.repeat(np.cumsum(counts) - counts, counts)

    def where(self, flags: Flags) -> "_Words":
        return _Words(self.size, self.owner[flags], self.number[flags], self.vocabulary)

    def replaced(self, vocabulary: Iterable[str]) -> "_Words":
        """The same with other words for those of the vocabulary, in its order."""
        encoded = pa.array(vocabulary, pa.string()).dictionary_encode()
        number = encoded.indices.to_numpy(zero_copy_only=False).astype("int64")
        return _Words(self.size, self.owner, number[self.number], encoded.dictionary.to_pylist())

    def mapped(self, form: Callable[[str], str]) -> "_Words":
        return self.replaced(map(form, self.vocabulary))

    def spread(self, several: Sequence[Sequence[str]]) -> "_Words":
        """The same with several words, or none, for each of the vocabulary."""
        parts = _Words.of(several)
        counts = parts.counts()
        starts = np.cumsum(counts) - counts
        repeats = counts[self.number]
        first = np.repeat(np.cumsum(repeats) - repeats, repeats)
        taken = np.repeat(starts[self.number], repeats) + np.arange(len(first)) - first
        return _Words(self.size, np.repeat(self.owner, repeats), parts.number[taken], parts.vocabulary)

    def sorted(self, *, once: bool = False) -> "_Words":
        """The words of each name in the order of their letters; with `once` each only once."""
        rank = np.empty(len(self.vocabulary), dtype="int64")
        rank[sorted(range(len(self.vocabulary)), key=self.vocabulary.__getitem__)] = np.arange(len(self.vocabulary))
        joint = self.owner * max(len(self.vocabulary), 1) + rank[self.number]
        order = np.argsort(joint, kind="stable")
        if once:
            joint = joint[order]
            order = order[np.concatenate([[True], joint[1:] != joint[:-1]])] if len(order) else order
        return _Words(self.size, self.owner[order], self.number[order], self.vocabulary)

    def joined(self, separator: str) -> Any:
        """The words of each name as one text."""
        offsets = np.concatenate([[0], np.cumsum(self.counts())]).astype("int32")
        words = pa.array(self.vocabulary, pa.string()).take(pa.array(self.number))
        return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), words), separator)

    def first(self, values: Sequence[str], after: int = 0) -> Any:
        """The first value that is not empty of each name, in the order of its words; values are by vocabulary."""
        stated = np.array([value != "" for value in values], dtype="bool")[self.number] & (self.place() >= after)
        owner, first = np.unique(self.owner[stated], return_index=True)
        # the last value stands for none
        chosen = np.full(self.size, len(values), dtype="int64")
        chosen[owner] = self.number[stated][first]
        return pa.array([*values, ""], pa.string()).take(pa.array(chosen))

    def union(self, sets: Sequence[int]) -> NDArray[np.uint64]:
        """Sets of 64 bits, one for each of the vocabulary, united for each name."""
        united = np.zeros(self.size, dtype="uint64")
        if len(self.owner):
            start = np.flatnonzero(np.concatenate([[True], self.owner[1:] != self.owner[:-1]]))
            united[self.owner[start]] = np.bitwise_or.reduceat(np.array(sets, dtype="uint64")[self.number], start)
        return united


def _is_kept(romans: _Words) -> Flags:
    """Which words belong to the name: no particles, articles, initials or suffixes; all, where none would be left."""
    kinds = [names.word_kind(word) for word in romans.vocabulary]

    def flag(kind: names.WordKind) -> Flags:
        return np.array([kind in found for found in kinds], dtype="bool")[romans.number]

    is_article = flag(names.WordKind.ARTICLE) & romans.any_of(flag(names.WordKind.BESIDE_ARTICLE))[romans.owner]
    kept = flag(names.WordKind.OF_A_NAME) & ~is_article
    is_left = romans.any_of(kept)[romans.owner]
    # the first word is never a suffix: Sr. stands for other things there
    return np.asarray(kept | ((romans.place() == 0) & flag(names.WordKind.SUFFIX) & is_left) | ~is_left)


def _folded(joined: Any) -> Any:
    """Names without blanks in the spelling-free form of `names.fold`; as they are where nothing would be left."""
    sound = joined
    for spelling, written in names.folds():
        sound = pc.replace_substring(sound, spelling, written)
    sound = _without_repeats(sound)
    return pc.if_else(pc.equal(sound, ""), joined, sound)


def _without_repeats(texts: Any) -> Any:
    """Texts with each letter once where it stands several times in a row."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    repeated = pc.match_substring_regex(texts, "|".join(letter * 2 for letter in letters))
    some = texts.filter(repeated)
    if not len(some):
        return texts
    for letter in letters:
        some = pc.replace_substring_regex(some, f"{letter}{{2,}}", letter)
    return pc.replace_with_mask(texts, repeated, some)


def _only(flags: Flags, texts: Any) -> Any:
    return pc.if_else(pa.array(flags), texts, "")
