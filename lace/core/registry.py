"""A registry: names to values, no duplicates, nearest-name errors."""

from collections.abc import Callable, Iterator

from lace.core.errors import InvalidValueError, UnknownNameError


class Registry[T]:
    """Maps names to values of one kind."""

    def __init__(self, kind: str):
        """An empty registry.

        Args:
            kind: What is registered, singular, used in messages ("room").
        """
        self.kind = kind
        self._items: dict[str, T] = {}

    def add(self, name: str, value: T) -> T:
        """Registers `value` under `name`; raises InvalidValueError if the name is taken."""
        if name in self._items:
            raise InvalidValueError(
                f"registering a {self.kind}", f"{name!r} is registered already", "a new name", "rename one of the two"
            )
        self._items[name] = value
        return value

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator form of `add`."""
        return lambda value: self.add(name, value)

    def __getitem__(self, name: str) -> T:
        if name not in self._items:
            raise UnknownNameError(self.kind, name, self._items)
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def names(self) -> tuple[str, ...]:
        """All names, in order of registration."""
        return tuple(self._items)
