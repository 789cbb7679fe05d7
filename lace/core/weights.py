"""Whether a file of weights is that of a model, by the names and shapes that `transformers` reports after loading."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

NOT_USED = (
    "classifier", "head", "lm_head", "pooler", "decode_head", "text_model", "logit_scale", "logit_bias", "predictor",
    "mask_token", "position_ids", "inv_freq", "num_batches_tracked",
)  # fmt: skip
"""Name parts of what a file may hold beside a model's weights: heads and the text tower, which are not used, and
constants that older versions stored."""


def misfits(loaded: Mapping[str, Any], unused: Collection[str] = ()) -> str:
    """What of a file does not fit a model ("2 missing: a, b; 1 unexpected: c"), "" if it is the model's.

    Args:
        loaded: The `loading_info` of `from_pretrained`.
        unused: Name parts of parameters that may be missing, as nothing depends on them.
    """
    kinds = {
        "missing": _without(loaded.get("missing_keys", ()), unused),
        "unexpected": _without(loaded.get("unexpected_keys", ()), (*unused, *NOT_USED)),
        "of another shape": _without(loaded.get("mismatched_keys", ()), unused),
    }
    return "; ".join(f"{len(names)} {kind}: {', '.join(names[:3])}" for kind, names in kinds.items() if names)


def _without(keys: Iterable[Any], parts: Collection[str]) -> list[str]:
    """Names, sorted, without those that have one of the parts; a mismatched key comes with its shapes."""
    names = (str(key[0] if isinstance(key, tuple) else key) for key in keys)
    return sorted(name for name in names if not any(part in parts for part in name.split(".")))
