# Starts a hook of azd's with the project's own Python, which is set up first where it is not there.
# WATCH_PYTHON names another Python that has the packages of requirements-dev.txt.
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '../..')
$python = $env:WATCH_PYTHON
if (-not $python) {
    $python = Join-Path '.venv' 'Scripts/python.exe'
    $installed = Join-Path '.venv' '.installed'
    $wanted = (Get-Item 'requirements-dev.txt').LastWriteTimeUtc
    if (-not (Test-Path $installed) -or (Get-Item $installed).LastWriteTimeUtc -lt $wanted) {
        py -3.13 -m venv .venv
        if ($LASTEXITCODE) { exit $LASTEXITCODE }
        & $python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
        if ($LASTEXITCODE) { exit $LASTEXITCODE }
        New-Item -ItemType File -Force $installed | Out-Null
    }
}
& $python -m infra.hooks @args
exit $LASTEXITCODE
