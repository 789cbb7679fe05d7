"""A package, because a dependency (draccus) installs one called `tests` that would be imported instead of this folder."""
