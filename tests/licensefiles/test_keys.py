"""Keys: their ids, what they sign, and how they are shown to others."""

import base64
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hotslot.licensefiles import Keys, SigningKey, jwks
from tests.licensefiles.material import KEY, key, listed

# The key pair of RFC 8037, appendix A, which is the first one of RFC 8032, section 7.1.
RFC_8037 = SigningKey(
    Ed25519PrivateKey.from_private_bytes(
        base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    )
)
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_an_id_is_the_thumbprint_of_rfc_7638():
    """Appendix A.3 of RFC 8037 has this one."""
    assert RFC_8037.id == THUMBPRINT


def test_a_key_set_is_that_of_rfc_8037():
    assert jwks(Keys(RFC_8037, (listed(RFC_8037, "signing"),))) == {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "kid": THUMBPRINT,
                "use": "sig",
                "alg": "EdDSA",
            }
        ]
    }


def test_a_key_set_has_all_that_verify():
    keys = Keys(key(3), (listed(key(1), "revoked"), listed(key(2)), listed(key(3), "signing")))
    assert [each["kid"] for each in jwks(keys)["keys"]] == [key(2).id, key(3).id]
    assert json.dumps(jwks(Keys())) == '{"keys": []}'


def test_a_key_verifies_what_it_signed():
    signature = KEY.sign(b"a message")
    assert listed(KEY).verify(signature, b"a message")
    assert not listed(KEY).verify(signature, b"another message")
    assert not listed(key(2)).verify(signature, b"a message")


def test_new_keys_differ():
    assert SigningKey.generate().id != SigningKey.generate().id


def test_the_public_key_is_one_that_others_read():
    public = load_pem_public_key(KEY.public_pem().encode())
    public.verify(KEY.sign(b"a message"), b"a message")  # type: ignore[call-arg,union-attr]


def test_a_key_is_not_shown():
    secret = bytes([1]) * 32
    keys = Keys(KEY, (listed(KEY, "signing"),))
    for shown in (repr(KEY), repr(keys), str(keys)):
        assert KEY.id in shown
        assert base64.b64encode(secret).decode()[:20] not in shown
        assert "PRIVATE" not in shown
        assert "x01" not in shown


def test_a_key_is_found_by_its_id():
    one = listed(key(1))
    keys = Keys(None, (one, listed(key(2))))
    assert keys.find(one.id) == one
    assert keys.find(key(3).id) is None
