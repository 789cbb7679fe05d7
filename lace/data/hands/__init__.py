"""A hand detector that was trained on real hands: MediaPipe's models, decoded here, and how sharp a hand is."""
