"""Identity of the weights that a run starts from or measures."""

import hashlib
from pathlib import Path

from lace.data.origins import NAME as ORIGINS_NAME


def source_digest(name: str) -> str:
    """Identity of a backbone: the SHA-256 of its files for a folder, else its name."""
    folder = Path(name)
    if not folder.is_dir():
        return name
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ORIGINS_NAME):
        with path.open("rb") as file:
            total.update(f"{path.relative_to(folder)} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()[:16]
