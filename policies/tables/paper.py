"""The numbers of the paper's tables 2, 3, 7, 9 and 10 (arXiv 2605.16743v1), as printed there; rates in %."""

TABLE_2 = {
    "base": (57.5, 28.6, 48.7, 3.2, 57.9, 1.6),
    "lab": (35.6, 72.4, 68.2, 40.5, 65.8, 23.2),
    "kitchen": (24.8, 93.2, 77.8, 49.5, 40.5, 23.7),
    "office": (34.4, 77.7, 69.3, 53.2, 45.3, 21.1),
}
"""Variant -> EPE [px], PCK@0.2, AUC@0.5, Emb, Obj, Both."""

TABLE_3 = {
    ("zero", "in_domain"): (1, 12),
    ("few", "in_domain"): (2, 10),
    ("co", "in_domain"): (4, 13),
    ("zero", "ood_env"): (0, 13),
    ("few", "ood_env"): (2, 12),
    ("co", "ood_env"): (8, 13),
}
"""(regime, setting) -> successes of 20 with DINO and with LACE-DINO."""

TABLE_7 = {
    ("zero", "base"): ((21.1, 71.1, 16.3, 0.130), (0.0, 54.5, 0.0, 0.149)),
    ("zero", "lab"): ((78.4, 93.7, 74.7, 0.063), (59.1, 94.5, 59.1, 0.069)),
    ("zero", "kitchen"): ((82.6, 86.8, 74.2, 0.060), (74.5, 91.8, 71.8, 0.073)),
    ("zero", "office"): ((93.2, 92.1, 85.8, 0.044), (64.5, 94.5, 59.1, 0.055)),
    ("few", "base"): ((100.0, 83.2, 83.2, 0.051), (94.5, 69.1, 68.2, 0.054)),
    ("few", "lab"): ((100.0, 94.2, 94.2, 0.030), (88.2, 96.4, 84.5, 0.032)),
    ("few", "kitchen"): ((100.0, 91.6, 91.6, 0.031), (80.9, 97.3, 78.2, 0.042)),
    ("few", "office"): ((100.0, 94.7, 94.7, 0.028), (99.1, 99.1, 98.2, 0.030)),
    ("co", "base"): ((100.0, 92.6, 92.6, 0.032), (100.0, 90.9, 90.9, 0.025)),
    ("co", "lab"): ((100.0, 94.2, 94.2, 0.026), (100.0, 95.5, 95.5, 0.024)),
    ("co", "kitchen"): ((100.0, 94.7, 94.7, 0.024), (100.0, 100.0, 100.0, 0.019)),
    ("co", "office"): ((100.0, 94.7, 94.7, 0.023), (100.0, 99.1, 99.1, 0.019)),
}
"""(regime, variant) -> Emb, Obj, Both, L1 in-domain and in OOD-env."""

TABLE_9 = {
    "DINO": (21.1, 78.4, 71.1, 93.7, 16.3, 74.7),
    "SigLIP": (22.6, 94.2, 61.1, 66.3, 16.8, 61.6),
    "I-JEPA": (13.7, 72.1, 38.9, 72.6, 6.8, 52.6),
    "V-JEPA2": (3.7, 56.8, 88.9, 91.6, 3.2, 54.2),
}
"""Backbone -> Emb base and LACE, Obj base and LACE, Both base and LACE; zero-shot, in-domain."""

TABLE_10 = {"base": (84.7, 84.2), "lab": (88.9, 86.3)}
"""Variant -> Obj in-domain and in OOD-obj of a policy trained on robot data alone."""
