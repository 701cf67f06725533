"""Telling that memory ran out, on a card or on the CPU, from every other trouble."""

# By torch's allocator on the CPU (Linux, Windows), by CUDA and MPS, by cuBLAS.
SAID = ("can't allocate memory", "not enough memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this error says that memory ran out: Python's, CUDA's, MPS's, or that of torch's allocator on the CPU."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and any(words in said for words in SAID)


def free_memory() -> None:
    """Give back what torch keeps of a card's memory for later use."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
