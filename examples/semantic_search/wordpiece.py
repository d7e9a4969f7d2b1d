"""Text to token ids, as BERT's uncased vocabulary has them: lower case, no accents, the longest pieces of each word."""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

UNKNOWN, FIRST, LAST = "[UNK]", "[CLS]", "[SEP]"
LONGEST_WORD = 100  # characters; longer ones are unknown


class WordPieces:
    """`vocabulary`: a piece a line, `##` before those that go on with a word."""

    def __init__(self, vocabulary: Path | Sequence[str]) -> None:
        pieces = vocabulary.read_text("utf-8").splitlines() if isinstance(vocabulary, Path) else vocabulary
        self.ids = {piece: i for i, piece in enumerate(pieces)}

    def __call__(self, text: str, longest: int) -> list[int]:
        """Ids between those of the first and the last token, at most `longest` with these."""
        found = [i for word in words(text) for i in self.pieces(word)]
        return [self.ids[FIRST], *found[: longest - 2], self.ids[LAST]]

    def pieces(self, word: str) -> list[int]:
        """The longest piece that the word begins with, and so on; unknown as a whole where there is none."""
        found, start = [], 0
        while start < len(word) <= LONGEST_WORD:
            for end in range(len(word), start, -1):
                piece = self.ids.get("##" * (start > 0) + word[start:end])
                if piece is not None:
                    break
            else:
                return [self.ids[UNKNOWN]]
            found.append(piece)
            start = end
        return found or [self.ids[UNKNOWN]]

    def batch(self, texts: Iterable[str], longest: int) -> dict[str, npt.NDArray[np.int64]]:
        """`input_ids` and `attention_mask` [N, tokens], as many tokens as the longest text has."""
        rows = [self(text, longest) for text in texts]
        ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        for row, given in zip(ids, rows, strict=True):
            row[: len(given)] = given
        lengths = np.array([[len(row)] for row in rows])
        return {"input_ids": ids, "attention_mask": (np.arange(ids.shape[1]) < lengths).astype(np.int64)}


def words(text: str) -> list[str]:
    """Lower case without accents, cut at spaces; punctuation and ideographs are words of their own."""
    spaced: list[str] = []
    for character in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(character)
        if kind == "Mn" or (kind.startswith("C") and not character.isspace()):
            continue
        apart = kind.startswith("P") or character in "$+<=>^`|~" or "\u4e00" <= character <= "\u9fff"
        spaced.append(f" {character} " if apart else character)
    return [str(word) for word in "".join(spaced).split()]
