"""Computes the forms of many names at once: `names` handles each word, and arrays join the words to names.

A million names have only some ten thousand different words. Work for each name runs in compiled code (numpy, Arrow).
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
    """The forms of one name that are compared; see `name_form_table`."""

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
    """Return an Arrow table with the forms of names: a row for each name in order, columns as in NameForms.

    key: the romanised words, sorted. fold: the same, spelling variants folded. sound: the folded letters in the order
    written, without blanks (Kai Xuan = Kaixuan). skeleton: only the consonants. code: the words as written, one byte
    a letter, sorted, for distances within one script. script: script of the first letter, as Unicode names it.
    suffix: jr, sr, ii and the like, if the name has one. pairs: see `letter_pairs`. A text without letters has empty
    forms, and 0 as pairs.
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
    """The words of `size` names: word i is vocabulary[number[i]] and belongs to name owner[i] (ascending)."""

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
        """Return for each name whether one of its words is flagged; `flags` has a value for each word."""
        return np.asarray(np.bincount(self.owner[flags], minlength=self.size) > 0)

    def place(self) -> Numbers:
        """Return the position of each word in its name, from 0."""
        counts = self.counts()
        return np.arange(len(self.owner)) - np.repeat(np.cumsum(counts) - counts, counts)

    def where(self, flags: Flags) -> "_Words":
        return _Words(self.size, self.owner[flags], self.number[flags], self.vocabulary)

    def replaced(self, vocabulary: Iterable[str]) -> "_Words":
        """Return the words with each word of the vocabulary replaced, in the order of the vocabulary."""
        encoded = pa.array(vocabulary, pa.string()).dictionary_encode()
        number = encoded.indices.to_numpy(zero_copy_only=False).astype("int64")
        return _Words(self.size, self.owner, number[self.number], encoded.dictionary.to_pylist())

    def mapped(self, form: Callable[[str], str]) -> "_Words":
        return self.replaced(map(form, self.vocabulary))

    def spread(self, several: Sequence[Sequence[str]]) -> "_Words":
        """Return the words with each word of the vocabulary replaced by several words, or none."""
        parts = _Words.of(several)
        counts = parts.counts()
        starts = np.cumsum(counts) - counts
        repeats = counts[self.number]
        first = np.repeat(np.cumsum(repeats) - repeats, repeats)
        taken = np.repeat(starts[self.number], repeats) + np.arange(len(first)) - first
        return _Words(self.size, np.repeat(self.owner, repeats), parts.number[taken], parts.vocabulary)

    def sorted(self, *, once: bool = False) -> "_Words":
        """Return the words of each name in alphabetical order; with `once` each word only once."""
        rank = np.empty(len(self.vocabulary), dtype="int64")
        rank[sorted(range(len(self.vocabulary)), key=self.vocabulary.__getitem__)] = np.arange(len(self.vocabulary))
        joint = self.owner * max(len(self.vocabulary), 1) + rank[self.number]
        order = np.argsort(joint, kind="stable")
        if once:
            joint = joint[order]
            order = order[np.concatenate([[True], joint[1:] != joint[:-1]])] if len(order) else order
        return _Words(self.size, self.owner[order], self.number[order], self.vocabulary)

    def joined(self, separator: str) -> Any:
        """Return the words of each name as one text."""
        offsets = np.concatenate([[0], np.cumsum(self.counts())]).astype("int32")
        words = pa.array(self.vocabulary, pa.string()).take(pa.array(self.number))
        return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), words), separator)

    def first(self, values: Sequence[str], after: int = 0) -> Any:
        """Return for each name the first value that is not empty; `values` has one for each word of the vocabulary."""
        stated = np.array([value != "" for value in values], dtype="bool")[self.number] & (self.place() >= after)
        owner, first = np.unique(self.owner[stated], return_index=True)
        # the last value stands for none
        chosen = np.full(self.size, len(values), dtype="int64")
        chosen[owner] = self.number[stated][first]
        return pa.array([*values, ""], pa.string()).take(pa.array(chosen))

    def union(self, sets: Sequence[int]) -> NDArray[np.uint64]:
        """Return the union of the words' sets (64 bits) for each name; one set for each word of the vocabulary."""
        united = np.zeros(self.size, dtype="uint64")
        if len(self.owner):
            start = np.flatnonzero(np.concatenate([[True], self.owner[1:] != self.owner[:-1]]))
            united[self.owner[start]] = np.bitwise_or.reduceat(np.array(sets, dtype="uint64")[self.number], start)
        return united


def _is_kept(romans: _Words) -> Flags:
    """Return which words belong to the name: no particles, articles, initials or suffixes; all if none would remain."""
    kinds = [names.word_kind(word) for word in romans.vocabulary]

    def flag(kind: names.WordKind) -> Flags:
        return np.array([kind in found for found in kinds], dtype="bool")[romans.number]

    is_article = flag(names.WordKind.ARTICLE) & romans.any_of(flag(names.WordKind.BESIDE_ARTICLE))[romans.owner]
    kept = flag(names.WordKind.OF_A_NAME) & ~is_article
    is_left = romans.any_of(kept)[romans.owner]
    # the first word is never a suffix: at the beginning Sr. means something else
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
