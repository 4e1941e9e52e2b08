"""How many threads the libraries have."""

from concurrent.futures import ThreadPoolExecutor

import cv2
from threadpoolctl import threadpool_info


def thread_settings():
    libraries = threadpool_info()
    return cv2.getNumThreads(), {each["num_threads"] for each in libraries if each["user_api"] == "blas"}


def in_a_thread(call, *arguments):
    """Call in a thread that is gone afterwards: threadpoolctl lets a thread that has set limits own them."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *arguments).result()
