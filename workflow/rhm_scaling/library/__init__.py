"""What ``import rhm_scaling`` promises: thin functions that check what they are given."""
