"""Memory that a step of the fine-tune needs at its peak: bytes of all tensors alive, counted, not measured.

    python -m benchmarks.finetune_memory [--micro-batch 8] [--layers 1 2]

A ViT-H/14 of I-JEPA's shape (632 M parameters, 32 layers; table 8) is too large for a small machine, but its memory
is a constant and a sum over equal layers: steps of two shallower ones are counted, and their line is read at 32.
On a CPU all is float32; on CUDA activations are bfloat16, so that the count is an upper bound there, without the
allocator's fragments and the kernels' workspaces.
"""

import weakref
from typing import Any

import torch
import tyro
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.finetune import SHAPES, made_up_banks
from lace.alignment.config import TrainConfig
from lace.alignment.training import Trainer
from lace.backbones import families

DEPTH, CARD_GIB = 32, 24


class Alive(TorchDispatchMode):
    """Counts the bytes of the storages that operations return, until they are freed."""

    def __init__(self, before: list[torch.Tensor]):
        super().__init__()
        self.known: set[int] = set()
        self.now = self.peak = 0
        for tensor in before:
            self._see(tensor)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **kwargs or {})
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._see(leaf)
        return out

    def _see(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return
        self.known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


def counted(layers: int, batch: int, micro_batch: int, checkpointing: bool) -> tuple[float, float]:
    """(GiB of weights, teacher, gradients and moments, GiB at the peak of the second step)."""
    shape = type(SHAPES["vith14"])(**SHAPES["vith14"].to_dict() | {"num_hidden_layers": layers})
    backbone = families.from_config(shape, "vith14", 224)
    config = TrainConfig(batch=batch, micro_batch=micro_batch, activation_checkpointing=checkpointing)
    trainer = Trainer(config, made_up_banks(224), backbone)
    trainer.step()
    trainer.optimizer.zero_grad(set_to_none=True)
    moments = [value for state in trainer.optimizer.state.values() for value in state.values()]
    held = [*backbone.parameters(), *trainer.teacher.parameters(), *moments]
    with Alive(held) as alive:
        trainer.step()
    fixed = sum(t.untyped_storage().nbytes() for t in held) + sum(p.nbytes for p in trainer.parameters)
    return fixed / 2**30, alive.peak / 2**30


def main(micro_batch: int = 8, layers: tuple[int, int] = (1, 2)) -> None:
    """Prints the peak for both depths and for 32 layers, with and without activation checkpointing."""
    print(f"{'options':<52}" + "".join(f"{f'{n} layers':>12}" for n in (*layers, DEPTH)) + f"{'of it held':>12}")
    for batch, micro, checkpointing in ((2 * micro_batch, micro_batch, True), (2 * micro_batch, micro_batch, False)):
        (fixed_a, a), (fixed_b, b) = (counted(n, batch, micro, checkpointing) for n in layers)
        steps = (DEPTH - layers[1]) / (layers[1] - layers[0])
        words = f"--micro-batch {micro}" + (" --activation-checkpointing" if checkpointing else "")
        row = (a, b, b + steps * (b - a), fixed_b + steps * (fixed_b - fixed_a))
        print(f"{words:<52}" + "".join(f"{value:>12.2f}" for value in row) + f"  of {CARD_GIB} GiB", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
