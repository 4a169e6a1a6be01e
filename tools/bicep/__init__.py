"""Checks of infra/ without Azure and without the Bicep compiler, which no package registry has.

What the compiler alone can tell (types of properties, API versions that exist) is the workflow's part.
"""
