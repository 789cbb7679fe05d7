"""Detectors and segmenters for photographs, through `transformers`; weights by hub name or from a local folder."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf

from lace.core.errors import InvalidValueError, LaceError
from lace.core.files import require_no_pointer
from lace.core.hub import answers
from lace.core.weights import misfits
from lace.data.imports.detection import THRESHOLD, Detector, Found, Segmenter

TEXT_DETECTORS = ("owlv2", "owlvit", "grounding-dino")
"""config.json's model_type of detectors that take a text; all others have fixed classes."""
MASK_THRESHOLD = 0.5
QUALIFIERS = frozenset({"left", "right", "human", "robot", "a", "the"})
"""Words that a class name may have besides the text: "hand" means "left_hand" too, but not "handbag"."""
_log = logging.getLogger(__name__)


def load_detector(name: str) -> Detector:
    """A detector of any architecture that transformers knows; InvalidValueError where there is none under `name`."""
    kind = _config(name, "detector").model_type
    return _loaded(name, "detector", TextDetector if kind in TEXT_DETECTORS else ClassDetector)


def load_segmenter(name: str) -> Segmenter:
    """SAM 3, or a semantic segmentation model whose classes name what is asked for; InvalidValueError as above."""
    kind = _config(name, "segmenter").model_type
    return _loaded(name, "segmenter", Sam3Segmenter if kind.startswith("sam3") else ClassSegmenter)


def _config(name: str, what: str) -> hf.PretrainedConfig:
    cached = not Path(name).exists() and not answers(name)
    return _loaded(name, what, lambda source: hf.AutoConfig.from_pretrained(source, local_files_only=cached))


def _loaded(name: str, what: str, load: Callable[[str], Any]) -> Any:
    try:
        return load(name)
    except LaceError:
        raise
    except Exception as error:  # damaged and foreign weight files raise anything, safetensors' own errors too
        require_no_pointer(name, f"loading the {what} {name}", InvalidValueError)
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        kind = "local folder" if Path(name).exists() else "hub name"
        raise InvalidValueError(
            f"loading the {what} {name} ({kind})",
            reason,
            f"a {what} that transformers can load",
            "check the name, download its weights once while online, or leave the option out",
        ) from error


def _model(kind: Any, name: str) -> Any:
    """The model of a `transformers` class with its weights, in evaluation mode.

    Raises:
        InvalidValueError: The file lacks weights of the model, or has others: those would be random numbers.
    """
    model, loaded = kind.from_pretrained(name, output_loading_info=True)
    if wrong := misfits(loaded):
        raise InvalidValueError(
            f"loading {name}",
            f"its weights do not fit {type(model).__name__}: {wrong}",
            "a file with every weight of the model, and with no others",
            "download or export it again; names that begin with a prefix (student., module.) have to be renamed",
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    _log.info("%s runs on %s", name, device)
    return model.eval().to(device)


def _sorted(result: dict[str, Any], labels: list[str]) -> Found:
    scores = result["scores"].cpu().numpy()
    order = np.argsort(-scores, kind="stable")
    boxes = result["boxes"].cpu().numpy().astype(np.float32).reshape(-1, 4)
    return Found(boxes[order], scores[order], tuple(labels[i] for i in order))


class TextDetector:
    """Implements Detector by the text itself (OWLv2: Minderer et al. 2023)."""

    def __init__(self, name: str):
        self.processor = hf.AutoProcessor.from_pretrained(name)
        self.model = _model(hf.AutoModelForZeroShotObjectDetection, name)

    @torch.inference_mode()
    def find(self, image: np.ndarray, text: str, threshold: float = THRESHOLD) -> Found:
        """See Detector."""
        tokens, most = (
            len(self.processor.tokenizer(text)["input_ids"]),
            self.model.config.text_config.max_position_embeddings,
        )
        if tokens > most:
            raise InvalidValueError(
                "asking a text detector", f"{text!r} is {tokens} tokens", f"at most {most}", "say it in fewer words"
            )
        inputs = self.processor(text=[[text]], images=image, return_tensors="pt").to(self.model.device)
        outputs = self.model(**inputs)
        result = self.processor.post_process_grounded_object_detection(
            outputs, threshold=threshold, target_sizes=[image.shape[:2]]
        )[0]
        return _sorted(result, [text] * len(result["scores"]))


class ClassDetector:
    """Implements Detector by those of the model's own classes that the text names (a hand detector's "right_hand")."""

    def __init__(self, name: str):
        self.name, self.processor = name, hf.AutoImageProcessor.from_pretrained(name)
        self.model = _model(hf.AutoModelForObjectDetection, name)

    @torch.inference_mode()
    def find(self, image: np.ndarray, text: str, threshold: float = THRESHOLD) -> Found:
        """See Detector."""
        wanted = _classes(self.name, self.model.config.id2label, text)
        outputs = self.model(**self.processor(images=image, return_tensors="pt").to(self.model.device))
        result = self.processor.post_process_object_detection(
            outputs, threshold=threshold, target_sizes=[image.shape[:2]]
        )[0]
        keep = [i for i, label in enumerate(result["labels"].tolist()) if label in wanted]
        labels = [wanted[label] for label in result["labels"][keep].tolist()]
        return _sorted({key: result[key][keep] for key in ("scores", "boxes")}, labels)


class Sam3Segmenter:
    """Implements Segmenter by the text itself (SAM 3, Carion et al. 2025, as the paper uses it)."""

    def __init__(self, name: str):
        self.processor = hf.Sam3Processor.from_pretrained(name)
        self.model = _model(hf.Sam3Model, name)

    @torch.inference_mode()
    def mask(self, image: np.ndarray, text: str) -> np.ndarray:
        """All instances together."""
        inputs = self.processor(images=image, text=text, return_tensors="pt").to(self.model.device)
        result = self.processor.post_process_instance_segmentation(
            self.model(**inputs), threshold=THRESHOLD, mask_threshold=MASK_THRESHOLD, target_sizes=[image.shape[:2]]
        )[0]
        masks = result["masks"].cpu().numpy().astype(bool)
        return masks.any(0) if len(masks) else np.zeros(image.shape[:2], bool)


class ClassSegmenter:
    """Implements Segmenter by those of the model's own classes that the text names."""

    def __init__(self, name: str):
        self.name, self.processor = name, hf.AutoImageProcessor.from_pretrained(name)
        self.model = _model(hf.AutoModelForSemanticSegmentation, name)

    @torch.inference_mode()
    def mask(self, image: np.ndarray, text: str) -> np.ndarray:
        """See Segmenter."""
        wanted = _classes(self.name, self.model.config.id2label, text)
        outputs = self.model(**self.processor(images=image, return_tensors="pt").to(self.model.device))
        ids = self.processor.post_process_semantic_segmentation(outputs, target_sizes=[image.shape[:2]])[0]
        return np.isin(ids.cpu().numpy(), list(wanted))


def _classes(name: str, id2label: dict[int, str], text: str) -> dict[int, str]:
    """{id: class} of the classes that `text` names; InvalidValueError if none has that name."""
    wanted = {number: label for number, label in id2label.items() if names_class(text, label)}
    if not wanted:
        raise InvalidValueError(
            f"asking {name} for {text!r}",
            f"its classes are {', '.join(list(id2label.values())[:20])}",
            "a class of that name",
            "choose another model, or another text",
        )
    return wanted


def names_class(text: str, label: str) -> bool:
    """Whether a text is the whole name of a class, or one of its synonyms, apart from case and QUALIFIERS."""
    wanted = _words(text)
    return any(words == wanted or words - QUALIFIERS == wanted for words in map(_words, re.split("[,;/]", label)))


def _words(text: str) -> frozenset[str]:
    """Words in lower case: "right_hand", "right hand", "RightHand" and "hand-right" are the same."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return frozenset(re.findall(r"[^\W_]+", spaced.lower()))
