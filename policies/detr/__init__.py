"""The two-point policy: DETR's transformer on a frozen backbone's features (paper, sec. 5.3 and E.3)."""
