"""The one error of the rules: a fault in a packaged TOML file, told so that its author can mend it."""


class RulesError(Exception):
    """A rules file that cannot be used. Its text names the file, the key, the problem and the fix."""

    def __init__(self, file: str, key: str, problem: str, fix: str) -> None:
        self.file = file
        self.key = key
        self.problem = problem
        self.fix = fix
        super().__init__(f"{file}: {key}: {problem}. To mend it: {fix}.")
