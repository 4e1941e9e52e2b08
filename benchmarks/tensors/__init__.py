"""What the processes of the loader benchmark do, each with one library; a module imports no more than that one."""
