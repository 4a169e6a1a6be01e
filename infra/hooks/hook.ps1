# Starts a hook of azd's with the project's own Python, which is set up first where it is not there.
# WATCH_PYTHON names another Python that has the packages of requirements-dev.txt.
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '../..')
$python = $env:WATCH_PYTHON
if (-not $python) {
    $python = Join-Path '.venv' 'Scripts/python.exe'
    if (-not (Test-Path (Join-Path '.venv' '.installed'))) {
        py -3.13 -m venv .venv
        if ($LASTEXITCODE) { exit $LASTEXITCODE }
        & $python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
        if ($LASTEXITCODE) { exit $LASTEXITCODE }
        New-Item -ItemType File (Join-Path '.venv' '.installed') | Out-Null
    }
}
& $python -m infra.hooks @args
exit $LASTEXITCODE
