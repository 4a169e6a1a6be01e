"""What azd has done before and after its own steps (azure.yaml): `python -m infra.hooks <hook>`.

Nothing here prints a secret, writes one to a file or puts one on a command line. Every hook may be run again.
"""
