"""Why a user is judged as they are: the verdict as a short proof, as data and in words.

Pure: the judge's own answers set out step by step, never a second set of rules.
"""
