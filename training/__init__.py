"""Makes the weights of `simd-copy-1`, from public pictures to the file in the wheel. Needs the extra `train`."""
