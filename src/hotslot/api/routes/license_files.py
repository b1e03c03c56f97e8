"""License files, for sites without a connection."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from hotslot.api import shapes
from hotslot.api.answers import mark_repeated, position_of, refusal_of, refuse
from hotslot.api.auth import Credential, authenticate
from hotslot.api.backend import Backend, backend_of
from hotslot.api.bodies import ID_PATTERN
from hotslot.api.documentation import LICENSE_FILE, command
from hotslot.api.fast_route import FastRoute
from hotslot.api.problems import ProblemError, invalid, refused
from hotslot.api.routes.licenses import LicenseId
from hotslot.api.submitting import submit
from hotslot.domain import commands
from hotslot.domain.events import LicenseFileIssued, license_stream
from hotslot.domain.license_file import file_in
from hotslot.domain.refusals import LicenseIssuedElsewhere, UnknownLicense
from hotslot.ledger import mapper
from hotslot.ledger.submission import Done, Outcome, Repeated
from hotslot.licensefiles import SigningKey

router = APIRouter(route_class=FastRoute, tags=["license files"])

ForDeployment = Annotated[
    str | None,
    Query(pattern=ID_PATTERN, description="The one deployment that the file may activate."),
]

# The last file that was made of a license by then.
FIND_FILE = """
SELECT position, stream, version, type, state::text FROM ledger.events
 WHERE stream = %s AND type = 'license.file-issued' AND position <= %s
 ORDER BY version DESC LIMIT 1
"""


@router.get("/v1/licenses/{id}/file", **command(shapes.LicenseFile, media_type=LICENSE_FILE))
async def issue_license_file(
    request: Request, license_id: LicenseId, deployment: ForDeployment = None
) -> Response:
    """Make a license file, or give the last one again while it says what a new one would."""
    credential = await authenticate(request)
    credential.may("act", deployment)
    # A misspelled one would make a file for any deployment.
    if request.query_params.keys() - {"deployment"}:
        raise invalid("The only parameter that this call takes in its query is `deployment`.")
    return await make_file(request, credential, license_id, deployment)


async def make_file(
    request: Request,
    credential: Credential,
    license_id: str,
    deployment: str | None,
    *,
    once: bool = True,
) -> Response:
    """Answer with a license file, made now or when it was first asked for; or with a refusal."""
    backend = backend_of(request)
    key = await _signing_key(backend, credential, license_id)
    issue = commands.IssueFile(license=license_id, deployment=deployment, key=key.id)
    outcome = await submit(request, credential, issue, once=once)
    if (explanation := refusal_of(outcome)) is not None:
        return refuse(request, outcome, explanation)
    issued = await _issued(backend, outcome, license_id)
    if issued.key != key.id:
        raise ProblemError(
            409,
            "signing-key-replaced",
            "The signing key was replaced",
            f"The file that this Idempotency-Key gave was signed by key {issued.key}, which signs "
            "no longer. Ask with a fresh Idempotency-Key.",
        )
    text = await backend.license_files.write(file_in(issued), key)
    request.scope["hotslot.position"] = position_of(outcome)
    headers = {
        "Content-Disposition": 'attachment; filename="license.yml"',
        "Cache-Control": "no-store",
    }
    response = Response(text, 200, headers, LICENSE_FILE)
    return mark_repeated(response) if isinstance(outcome, Repeated) else response


async def _signing_key(backend: Backend, credential: Credential, license_id: str) -> SigningKey:
    """The key that signs now. Where no key would help, the advice to make one would mislead."""
    try:
        return await backend.license_files.signing_key()
    except ProblemError:
        license_ = await backend.license(license_id)
        if license_ is None or not credential.asker.may_see(license_):
            raise refused(UnknownLicense(license=license_id)) from None
        if license_.is_imported:
            raise refused(LicenseIssuedElsewhere(license=license_id)) from None
        raise


async def _issued(backend: Backend, outcome: Outcome, license_id: str) -> LicenseFileIssued:
    """The file that a command made, now or when it came first."""
    if isinstance(outcome, Done):
        state = outcome.states.license(license_id)
        assert state is not None
        assert state.last_file is not None
        return state.last_file
    asked = (license_stream(license_id), position_of(outcome))
    async with backend.pool.connection() as connection:
        row = await (await connection.execute(FIND_FILE, asked)).fetchone()
    assert row is not None
    issued = mapper.decode(*row).event
    assert isinstance(issued, LicenseFileIssued)
    return issued
