"""Tiny random detectors and segmenters, saved to a folder in the format of real ones, to test the loading path."""

import json

import torch
import transformers as hf

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tokenizer(folder):
    """A CLIP tokenizer that knows single letters."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return hf.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)


def owlv2(folder, size=32):
    """A text detector; returns its folder."""
    torch.manual_seed(0)
    words = tokenizer(folder / "words")
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
    config = hf.Owlv2Config(
        text_config={**shape, "vocab_size": len(words), "max_position_embeddings": 16, **ends},
        vision_config={**shape, "image_size": size, "patch_size": 8},
        projection_dim=16,
    )
    images = hf.Owlv2ImageProcessor(size={"height": size, "width": size})
    hf.Owlv2ForObjectDetection(config).save_pretrained(folder)
    hf.Owlv2Processor(images, words).save_pretrained(folder)
    return folder


def yolos(folder, labels=("left_hand", "right_hand"), size=32):
    """A detector with fixed classes; returns its folder."""
    torch.manual_seed(0)
    config = hf.YolosConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=[size, size],
        patch_size=8,
        num_detection_tokens=5,
        id2label=dict(enumerate(labels)),
        label2id={n: i for i, n in enumerate(labels)},
    )
    hf.YolosForObjectDetection(config).save_pretrained(folder)
    hf.YolosImageProcessor(size={"height": size, "width": size}).save_pretrained(folder)
    return folder


def segformer(folder, labels=("room", "hand"), size=32):
    """A semantic segmentation model; returns its folder."""
    torch.manual_seed(0)
    config = hf.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        id2label=dict(enumerate(labels)),
        label2id={name: i for i, name in enumerate(labels)},
    )
    hf.SegformerForSemanticSegmentation(config).save_pretrained(folder)
    hf.SegformerImageProcessor(size={"height": size, "width": size}).save_pretrained(folder)
    return folder


def sam3(folder, width=32):
    """SAM 3 with one layer everywhere; returns its folder."""
    torch.manual_seed(0)
    words = tokenizer(folder / "words")
    part = {"hidden_size": width, "intermediate_size": width, "num_attention_heads": 2}
    image = {
        "image_size": 56,
        "pretrain_image_size": 56,
        "patch_size": 14,
        "window_size": 2,
        "global_attn_indexes": [0],
    }
    ends = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
    text = {"vocab_size": len(words), "max_position_embeddings": 32, "num_hidden_layers": 1, "projection_dim": width}
    config = hf.Sam3Config(
        vision_config={
            "backbone_config": {**part, **image, "num_hidden_layers": 1},
            "fpn_hidden_size": width,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        text_config={**part, **text, **ends},
        geometry_encoder_config={**part, "num_layers": 1},
        detr_encoder_config={**part, "num_layers": 1},
        detr_decoder_config={**part, "num_layers": 1, "num_queries": 4},
        mask_decoder_config={"hidden_size": width, "num_attention_heads": 2},
    )
    hf.Sam3Model(config).save_pretrained(folder)
    images = hf.Sam3ImageProcessor(size={"height": 56, "width": 56}, mask_size={"height": 16, "width": 16})
    hf.Sam3Processor(images, words).save_pretrained(folder)
    return folder
