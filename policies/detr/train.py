"""`lace policy train`: demonstrations and a backbone in, a policy bundle with curves, manifest and metrics out."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import torch
from rich.console import Console
from torch import distributed

from lace.alignment import checkpoints
from lace.alignment.model_card import STAND_IN_WARNING
from lace.backbones import Backbone, is_stand_in, load_backbone
from lace.backbones.option import BackboneName
from lace.core.device import process_device
from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from lace.core.limits import Within, check_numbers
from lace.core.run_identity import RunIdentity
from lace.data.dataset import FrameDataset
from lace.data.origins import NAME as ORIGINS_NAME
from lace.data.origins import read_origins
from lace.data.roles import HUMAN, ROBOT, require_role
from lace.reports.figures import loss_figure
from lace.reports.recorder import Recorder
from lace.reports.report import Picture, Report, Text, write_report
from policies import bundle
from policies.evaluate import grid_of, measured, publish_tests
from policies.features import SeenThrough, backbone_digest, cached_features
from policies.fit import Fit, FitConfig
from policies.heads import build_head
from policies.labelled import LabelledFrames, read
from policies.probes import point_targets
from policies.regimes import MANIFEST, Split, require_unseen, training_frames

UNTESTED = Text(
    "Not tested", ("No --test was given, so nothing was measured. `lace policy evaluate` measures on held-out frames.",)
)
POLICY_FIT = FitConfig(learning_rate=1e-4, loss="l1")
"""The paper's learning rates (E.3); L1 as DETR's own box regression, the paper names no loss."""


@dataclass(frozen=True)
class AugmentPixels:
    """Changes of the pictures while a policy trains; any of them means that features cannot be stored."""

    blur_px: Annotated[float, Within(0, 100)] = 0.0
    """Largest standard deviation of a Gaussian blur [px]."""
    brightness: Annotated[float, Within(0, 1)] = 0.0
    """Largest change of each channel, as a share."""

    @property
    def on(self) -> bool:
        """Whether pictures change at all."""
        return self.blur_px > 0 or self.brightness > 0


@dataclass(frozen=True)
class PolicyConfig:
    """Train the two-point policy on demonstrations. Sizes, rates and regimes are the paper's where it names them."""

    human: tuple[Path, ...]
    """Dataset folders of human demonstrations; all of them train."""
    out: Path
    """Folder of the run; the same command resumes it."""
    robot: tuple[Path, ...] = ()
    """Dataset folders of robot demonstrations; the regime says how many of each train."""
    regime: str = "zero"
    """zero, few or co: 0, 10 or 100 % of the robot's demonstrations."""
    test: tuple[str, ...] = ()
    """Held-out demonstrations as NAME=DIR; one that also trains is an error."""
    demonstrations: Annotated[int | None, Within(1)] = None
    """How many human demonstrations train: the first ones of each folder, in equal shares; None takes all."""
    backbone: BackboneName = "dinov3-s"
    """Frozen: short name, hub id or folder."""
    image_size: Annotated[int | None, Within(1)] = None
    """Side of the images that the backbone sees [px]; default 224, 64 for the tiny stand-in."""
    head: str = "detr:paper"
    """detr:paper, detr:small (for CPUs), or probe."""
    detr: str = ""
    """Hub name or folder of a pretrained DETR ("facebook/detr-resnet-50") that the transformer starts from."""
    transform: str = "none"
    """What the pictures go through first, in training and tests: a name of TRANSFORMS."""
    with_backbone: bool = True
    """Copy the backbone into the bundle; otherwise the bundle refers to it by name."""
    cache: Path | None = None
    """Folder of stored features; OUT/features by default."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:1"."""
    augment: AugmentPixels = field(default_factory=AugmentPixels)
    fit: FitConfig = field(default_factory=lambda: POLICY_FIT)

    def __post_init__(self):
        check_numbers(self)


PLACES = ("human", "robot", "test", "out", "backbone", "with_backbone", "cache", "device")
"""Options that say where a run finds and puts things: its identity has the content of frames and weights instead."""


def read_split(config: PolicyConfig, size: int) -> Split:
    """The frames of a run, checked for whose hands they show and for overlap."""
    for role, folders in {HUMAN: config.human, ROBOT: config.robot}.items():
        for folder in folders:
            require_role(role, FrameDataset(folder))
    human = [_first(read(folder, size, config.transform), config) for folder in config.human]
    robot = [read(folder, size, config.transform) for folder in config.robot]
    train = training_frames(human, robot, config.regime)
    return Split(train, {name: read(folder, size, config.transform) for name, folder in named(config.test).items()})


def _first(frames: LabelledFrames, config: PolicyConfig) -> LabelledFrames:
    """The human demonstrations of one folder that train."""
    return (
        frames if config.demonstrations is None else frames.first_episodes(config.demonstrations // len(config.human))
    )


def named(items: tuple[str, ...]) -> dict[str, str]:
    """NAME -> DIR of NAME=DIR."""
    found = {}
    for item in items:
        name, equals, folder = item.partition("=")
        if not (name and equals and folder) or name in found:
            raise InvalidValueError(
                "reading --test", f"{item!r}", "NAME=DIR, each name once", "write --test lab=runs/lab"
            )
        found[name] = folder
    return found


def train_policy(config: PolicyConfig) -> bundle.TwoPointPolicy | None:
    """Trains what is left to train and writes OUT/policy; returns it on the first process, None on the others."""
    device = process_device(config.device)
    size = config.image_size or (64 if config.backbone == "tiny" else 224)
    split = read_split(config, size)
    require_unseen(config.backbone, split.tests)
    backbone = load_backbone(config.backbone, image_size=size, device=device)
    for parameter in backbone.parameters():
        parameter.requires_grad_(False)
    if distributed.is_initialized() and distributed.get_rank():
        _resumed_fit(config, split, backbone, device).run(folder=config.out)
        return None
    before = backbone_digest(backbone)
    with identity_of(config, {"training frames": split.train.digest(), "backbone weights": before}).opened():
        fit = _resumed_fit(config, split, backbone, device)
        split.save(config.out / MANIFEST)
        with Recorder(config.out, "policy", config.fit.iterations, fit.done) as recorder:
            fit.run(recorder, config.out)
        if backbone_digest(backbone) != before:
            raise InvalidValueError("training a policy", "the backbone changed", "a frozen backbone", "report this")
        return _finish(config, split, backbone, fit)


def _resumed_fit(config: PolicyConfig, split: Split, backbone: Backbone, device: torch.device) -> Fit:
    """The fit of a run, continued from its checkpoint if there is one."""
    head = build_head(config.head, backbone.dim, seed=config.fit.seed, pretrained=config.detr)
    if config.augment.on:
        features = SeenThrough(backbone, split.train, config.augment.blur_px, config.augment.brightness)
    else:
        features = cached_features(backbone, split.train, _cache(config))
    fit = Fit(config.fit, head, features, point_targets(split.train), str(device))
    fit.resume(config.out)
    return fit


def _cache(config: PolicyConfig) -> Path:
    return config.cache or config.out / "features"


def identity_of(config: PolicyConfig, content: Mapping[str, str]) -> RunIdentity:
    """What the folder of a policy belongs to: the options that decide it, and the content of frames and weights."""
    return RunIdentity(
        config.out / "config.json",
        "a policy",
        {"config": asdict(config), "content": dict(content)},
        compared=("config", "content"),
        may_change=(*PLACES, *(f"fit.{name}" for name in checkpoints.may_change(config.fit))),
    )


def _finish(config: PolicyConfig, split: Split, backbone: Backbone, fit: Fit) -> bundle.TwoPointPolicy:
    """Measures on the tests, writes the bundle and the report."""
    tests = {name: measured(fit.head, backbone, test, _cache(config)) for name, test in split.tests.items()}
    metrics = {
        f"{name} {metric}": value.value for name, found in tests.items() for metric, value in found.values.items()
    }
    data = split.train
    about = bundle.BundleConfig(
        config.head,
        backbone.dim,
        data.size,
        camera_of(data),
        config.backbone,
        backbone_digest(backbone),
        bundle.licence_of(config.backbone),
        {"regime": config.regime, "demonstrations": len(data.episodes), "frames": len(data), "hash": data.digest()},
        metrics,
        {"fit": asdict(config.fit), "transform": config.transform, "detr": config.detr},
    )
    folder = bundle.save_bundle(config.out / "policy", about, backbone, fit.head, config.with_backbone)
    split.save(folder / MANIFEST)
    publish_bytes(folder / ORIGINS_NAME, json.dumps(read_origins(config.backbone).as_json()).encode())
    policy = bundle.TwoPointPolicy(str(folder), about, backbone, fit.head)
    pictures = publish_tests(config.out, tests, split.tests)
    report = Report(
        title=f"Two-point policy on {config.backbone}, regime {config.regime}",
        summary=f"{config.head} on frozen features, {len(data)} frames of {len(data.episodes)} demonstrations.",
        facts={"seed": config.fit.seed, "steps": config.fit.iterations, **about.data},
        sections=[grid_of(tests) if tests else UNTESTED, *pictures, *_curve(config.out / "metrics.jsonl")],
        config=asdict(config),
        warning=STAND_IN_WARNING if is_stand_in(config.backbone) else "",
    )
    write_report(config.out, report)
    return policy


def _curve(metrics: Path) -> list[Picture]:
    """The loss, where the run was long enough to log it."""
    logged = metrics.is_file() and metrics.stat().st_size > 0
    return [Picture("Loss of training", loss_figure(metrics))] if logged else []


def camera_of(frames: LabelledFrames) -> bundle.Camera:
    """What the training cameras were like, of all sources."""
    widths = {(int(s.column("width")[0]), int(s.column("height")[0])) for s in frames.sources}
    if len(widths) != 1:
        raise InvalidValueError(
            "reading the training cameras",
            f"pictures of sizes {sorted(widths)}",
            "one size",
            "generate them at one size",
        )
    known = [K for source in frames.sources for K in source.column("K") if K is not None]
    width, height = widths.pop()
    return bundle.Camera(width, height, bundle.focal_range(known))


def main(config: PolicyConfig) -> int:
    """`lace policy train`; under torchrun, once per process. Returns the exit code."""
    policy = train_policy(config)
    if distributed.is_initialized():
        distributed.destroy_process_group()
    if policy is not None:
        for name, value in policy.config.metrics.items():
            Console().print(f"{name} {value:.3f}", markup=False, highlight=False)
        Console().print(f"wrote {policy.name} and {config.out / 'report.html'}", markup=False, soft_wrap=True)
    return 0
