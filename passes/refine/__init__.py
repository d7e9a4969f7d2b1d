"""Post-training algorithms that rewrite weights and scales (`qd` to `qd`)."""
