"""LACE: latent alignment of human and robot hands, and the testbed around it."""
