"""Identity of the weights that a run starts from or measures, and of the code that reads them where it is not ours."""

import hashlib
from pathlib import Path

from lace.backbones.backbone import BACKBONES, Backbone
from lace.core.code_identity import added_code, code_of
from lace.core.plugins import PACKAGES
from lace.data.origins import NAME as ORIGINS_NAME


def source_digest(name: str) -> str:
    """Identity of a backbone: the SHA-256 of its files for a folder, else its name, with the code of an added one."""
    folder = Path(name)
    if not folder.is_dir():
        added = added_code(BACKBONES, name)
        return f"{name} of {added}" if added else name
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ORIGINS_NAME):
        with path.open("rb") as file:
            total.update(f"{path.relative_to(folder)} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def foreign_code(backbone: Backbone) -> str:
    """Digest of the code of a backbone whose class is not ours; empty for ours, whose weights say what it computes."""
    own = type(backbone).__module__.partition(".")[0] in PACKAGES
    return "" if own else code_of(type(backbone), without=PACKAGES)[:16]
