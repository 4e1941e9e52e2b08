from hypothesis import settings

# The same examples in every run, and no deadline: a busy machine is no reason to fail.
settings.register_profile("fastfit", deadline=None, derandomize=True, max_examples=150)
settings.load_profile("fastfit")
