"""Measurements of features: correspondence, drift, feature quality, rates with intervals."""
