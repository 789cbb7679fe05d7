"""The table of commands: one line each. Add a command by adding a line; nothing is imported until it runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command. Targets are "module:name" texts, imported when the command runs."""

    summary: str
    """One line for `lace --help`."""
    main: str
    """Function that runs the command and returns its exit code (None for 0). Called with the parsed config, then
    `bound`; without a config its own signature is the command line."""
    config: str = ""
    """Dataclass whose fields are the options. It is parsed before the module of `main` is imported."""
    defaults: str = ""
    """Function that returns the default config; called with the arguments, then `bound`. Presets use it."""
    shown: str = ""
    """Function that returns the config's type and default for `--help`, where it leaves options out that do nothing
    here; called as `defaults`."""
    bound: tuple[str, ...] = ()
    """Further arguments of `main` and `defaults`, where one function serves several commands."""


_GENERATE = (
    "sim_envs.frames.generate:main",
    "sim_envs.config.generate:GenerateConfig",
    "sim_envs.config.generate:defaults_of",
    "sim_envs.config.generate:shown",
)

COMMANDS: dict[str, Command] = {
    "demo": Command(
        "show LACE's effect on this machine, from nothing, in one report",
        "sim_envs.demo.command:main",
        "sim_envs.demo.config:DemoConfig",
    ),
    "list": Command("list embodiments, objects, backbones, policies or presets by name", "lace.cli.listing:show"),
    "generate robot": Command("make labelled robot frames in simulation", *_GENERATE, bound=("robot",)),
    "generate human": Command("make labelled human frames in simulation", *_GENERATE, bound=("human",)),
    "generate rollouts": Command(
        "grasp by script, save the rollouts as a LeRobot dataset",
        "sim_envs.rollouts.run:main",
        "sim_envs.rollouts.config:RolloutsConfig",
        "sim_envs.rollouts.config:defaults_of",
    ),
    "generate study": Command(
        "make all the data of a policy study, with hashes",
        "sim_envs.study.command:main",
        "sim_envs.study.parts:StudyConfig",
    ),
    "data verify": Command("repeat every check on a dataset", "lace.cli.data:verify"),
    "data show": Command("draw a contact sheet of a dataset, or open the rerun viewer", "lace.cli.data:show"),
    "data stats": Command("histograms and rates of what a dataset covers", "lace.cli.data:stats"),
    "data merge": Command("join several datasets to one", "lace.cli.data:merge"),
    "data export coco": Command("write a dataset as COCO", "lace.cli.data:export_coco"),
    "data realism": Command(
        "how real the hands look to a detector that was trained on real ones", "lace.measure.evaluate_realism:main"
    ),
    "data replace-background": Command(
        "put photographs or our rooms behind a dataset's hands", "sim_envs.frames.backgrounds:replace_background"
    ),
    "data detect-target": Command(
        "find the target in a dataset's images by a text (OWLv2)", "lace.cli.imports:detect_target"
    ),
    "import hint": Command("import the right hands of HInt", "lace.cli.imports:hint"),
    "import coco": Command("import your own COCO keypoints (CVAT, FiftyOne)", "lace.cli.imports:coco"),
    "import lerobot": Command("import frames of a LeRobot episode, to annotate", "lace.cli.imports:lerobot"),
    "import video": Command("import your own recordings of hands, with detected keypoints", "lace.cli.imports:video"),
    "import photos": Command(
        "import your own photographs of hands, with detected keypoints", "lace.cli.imports:photos"
    ),
    "import recording": Command(
        "label a real robot's recording: LeRobot dataset, MCAP file, or our own",
        "lace.cli.recordings:recording",
        "lace.cli.recordings:RecordingConfig",
    ),
    "bridge calibrate": Command(
        "find the camera's lens and place by a board on the robot's hand",
        "real_bridge.calibration.command:main",
        "real_bridge.calibration.command:CalibrateConfig",
    ),
    "bridge check": Command(
        "pre-flight list of arm, hand, camera: go or no-go",
        "real_bridge.check:main",
        "real_bridge.check:CheckConfig",
    ),
    "bridge record": Command(
        "record a demonstration on the robot and label it",
        "lace.cli.bridge:record",
        "real_bridge.record.command:RecordConfig",
    ),
    "bridge emulate": Command(
        "emulate an xArm7, a LEAP Hand and a camera on the wire",
        "real_bridge.emulator.command:main",
        "real_bridge.emulator.command:EmulateConfig",
    ),
    "compare": Command(
        "compare success in simulation with success on the physical cell",
        "policies.trials.compare:main",
        "policies.trials.compare:CompareConfig",
    ),
    "bridge run": Command(
        "run a policy on the physical arm: a dry run, or live after a typed confirmation",
        "real_bridge.run.command:main",
        "real_bridge.run.config:RunConfig",
    ),
    "bridge replay": Command(
        "decide recorded trials again, offline, and compare",
        "real_bridge.run.replay:main",
        "real_bridge.run.replay:ReplayConfig",
    ),
    "bridge clear": Command(
        "take a latched stop away after looking at the arm",
        "real_bridge.run.clear:main",
        "real_bridge.run.clear:ClearConfig",
    ),
    "annotate": Command("click the shared keypoints on your own images", "lace.cli.annotate:annotate"),
    "finetune": Command(
        "align a backbone on human and robot hands",
        "lace.alignment.finetune:main",
        "lace.alignment.finetune:FinetuneConfig",
        "lace.alignment.finetune:recipe_of",
    ),
    "evaluate correspondence": Command(
        "measure how well keypoints match across images",
        "lace.measure.evaluate_correspondence:main",
        "lace.measure.evaluate_correspondence:CorrespondenceConfig",
    ),
    "evaluate features": Command(
        "linear classification and segmentation on frozen features",
        "lace.measure.evaluate_features:main",
        "lace.measure.evaluate_features:FeaturesConfig",
    ),
    "tables alignment": Command(
        "run the paper's alignment tables beside its numbers",
        "lace.tables.alignment:main",
        "lace.tables.alignment:TablesConfig",
        "lace.tables.alignment:recipe_of",
    ),
    "policy train": Command(
        "train the two-point policy on demonstrations", "policies.detr.train:main", "policies.detr.train:PolicyConfig"
    ),
    "policy evaluate": Command(
        "measure a policy's points on held-out demonstrations",
        "policies.evaluate:main",
        "policies.evaluate:EvaluateConfig",
    ),
    "policy export": Command(
        "write a policy as ONNX and compare it with PyTorch", "policies.export:main", "policies.export:ExportConfig"
    ),
    "tables probes": Command(
        "run table 2: what probes trained on humans find on robots",
        "policies.tables.probes:main",
        "policies.tables.probes:ProbeTableConfig",
        "policies.tables.probes:defaults_of",
    ),
    "tables policy": Command(
        "run tables 7, 9 and 10: hit rates of policies by regime and backbone",
        "policies.tables.policy:main",
        "policies.tables.policy:PolicyTableConfig",
        "policies.tables.policy:defaults_of",
    ),
    "tables success": Command(
        "run table 3: how often the policies of `lace tables policy` grasp in simulation",
        "sim_envs.study.success:main",
        "sim_envs.study.success:SuccessTableConfig",
        "sim_envs.study.success:defaults_of",
    ),
    "simulate": Command(
        "measure how often policies grasp the target in simulation, and why not",
        "sim_envs.simulate.command:main",
        "sim_envs.simulate.config:SimulateConfig",
        "sim_envs.simulate.config:defaults_of",
    ),
    "assets fetch": Command("fetch and cache the robots' meshes", "lace.cli.assets:fetch"),
    "assets check": Command(
        "check a robot of your own law by law, and draw it with numbered keypoints", "lace.cli.assets:check"
    ),
    "assets find-grasp": Command(
        "search how a hand grasps an object, of your own too",
        "sim_envs.grasp_search.command:main",
        "sim_envs.grasp_search.command:SearchConfig",
    ),
    "assets figure": Command("draw a robot's hand with numbered keypoints", "lace.cli.assets:figure"),
}
"""Words after `lace` -> command."""
