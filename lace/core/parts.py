"""A share of numbered work: "3/8" is the third of eight shares, each made by a job of its own (a slurm array)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from lace.core.errors import InvalidValueError


@dataclass(frozen=True)
class Part:
    """Every `of`-th number, beginning with the `number`-th (counted from 1)."""

    number: int = 1
    of: int = 1

    @classmethod
    def named(cls, text: str) -> Self:
        """Part "3/8"; "" is all of the work.

        Raises:
            InvalidValueError: The text is not K/N with 1 <= K <= N.
        """
        if not text:
            return cls()
        match = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text, re.ASCII)
        if not match or int(match[1]) > int(match[2]):
            raise InvalidValueError(
                "reading --part",
                f"{text!r}",
                "K/N, the K-th of N parts, K from 1 to N",
                "write for example --part 3/8; in a slurm array of 8: --part $SLURM_ARRAY_TASK_ID/8 with --array=1-8",
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def __bool__(self) -> bool:
        return self.of > 1

    def share(self, numbers: Iterable[int]) -> list[int]:
        """Those of the numbers that are this part's; the parts of one division take each number once."""
        return [number for number in numbers if number % self.of == self.number - 1]


WHOLE = Part()


def parts_of(numbers: Iterable[int], part: Part) -> str:
    """Names of the parts, of the same division, that the numbers belong to ("1/8, 5/8")."""
    return ", ".join(str(Part(k, part.of)) for k in sorted({number % part.of + 1 for number in numbers}))
