"""A registry: names to values, no duplicates, nearest-name errors; packages and users add to it from outside."""

from collections.abc import Callable, Iterator

from lace.core.errors import InvalidValueError, UnknownNameError
from lace.core.plugins import Plugin, plugins


class Registry[T]:
    """Maps names to values of one kind."""

    def __init__(self, kind: str, group: str = "", own: Callable[[str], T | None] | None = None, own_texts: str = ""):
        """An empty registry.

        Args:
            kind: What is registered, singular, used in messages ("room").
            group: Entry points of installed packages that belong here: "lace.objects", or "lace.drivers:arm" for
                those of the group whose names begin with "arm.". Each is imported when it is asked for by name.
            own: Makes a value from a text that is no registered name (a file, module:NAME), None where it is neither.
            own_texts: What those texts are, for messages ("a mesh file").
        """
        self.kind = kind
        self._group, self._make_own, self._own_texts = group, own, own_texts
        self._items: dict[str, T] = {}
        self._made: dict[str, T] = {}

    def add(self, name: str, value: T) -> T:
        """Registers `value` under `name`; raises InvalidValueError if the name is taken."""
        if name in self._items:
            raise InvalidValueError(
                f"registering a {self.kind}", f"{name!r} is registered already", "a new name", "rename one of the two"
            )
        self._items[name] = value
        return value

    def accept(self, own: Callable[[str], T | None], own_texts: str) -> None:
        """Also makes values of texts that are no registered names; see `own` of the constructor."""
        self._make_own, self._own_texts = own, own_texts

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator form of `add`."""
        return lambda value: self.add(name, value)

    def __getitem__(self, name: str) -> T:
        if name in self._items:
            return self._items[name]
        if name not in self._made:
            value = self._from_outside(name)
            if value is None:
                raise UnknownNameError(self.kind, name, self, self._own_texts)
            self._made[name] = value
        return self._made[name]

    def _from_outside(self, name: str) -> T | None:
        plugin = self._plugins.get(name)
        if plugin is not None:
            return plugin.load()
        return self._make_own(name) if self._make_own else None

    def __contains__(self, name: object) -> bool:
        if name in self._items or name in self._made or name in self._plugins:
            return True
        return isinstance(name, str) and self._make_own is not None and self._own_of(name) is not None

    def _own_of(self, name: str) -> T | None:
        value = self._make_own(name) if self._make_own else None
        if value is not None:
            self._made[name] = value
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    @property
    def _plugins(self) -> dict[str, Plugin]:
        return plugins(self._group) if self._group else {}

    @property
    def built_in(self) -> tuple[str, ...]:
        """Names of ours, without those of installed packages."""
        return tuple(self._items)

    def names(self) -> tuple[str, ...]:
        """All names: ours in order of registration, then those of installed packages."""
        return (*self._items, *(name for name in self._plugins if name not in self._items))

    def plugin(self, name: str) -> Plugin | None:
        """What an installed package adds under `name`; None for ours and the user's own files."""
        return None if name in self._items else self._plugins.get(name)

    def origin(self, name: str) -> str:
        """The installed package that adds `name` ("my-hand 0.1"); empty for ours and the user's own files."""
        plugin = self.plugin(name)
        return plugin.package if plugin else ""
