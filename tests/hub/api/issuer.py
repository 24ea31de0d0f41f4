"""A small issuer of logins on a real socket: OpenID Connect's code flow with PKCE, checked as an issuer must.

Whoever asks at its door is let in as ``person``. What a test sets in ``spoil`` is wrong in the next token.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

CLIENT, SECRET = "siaga", "rahasia-penerbit"


class SmallIssuer:
    """Serves between ``start`` and ``stop``, from a thread of its own."""

    def __init__(self, now_s):
        self.now_s = now_s
        self.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self.published = [self.key]
        self.person = {
            "sub": "u-1",
            "preferred_username": "sari",
            "name": "Sari Wulan",
            "groups": ["petugas"],
        }
        self.spoil = {}
        self.sign_with = None
        self.says_it_is = None
        self.codes = {}
        self.asked = []
        app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._places),
                Route("/keys", self._keys),
                Route("/door", self._door),
                Route("/token", self._token, methods=["POST"]),
            ]
        )
        config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self):
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        self._server.should_exit = True
        self._thread.join(10)

    async def _places(self, request):
        self.asked.append("places")
        ends = {"authorization_endpoint": "door", "token_endpoint": "token", "jwks_uri": "keys"}
        places = {name: f"{self.url}/{path}" for name, path in ends.items()}
        return JSONResponse({"issuer": self.says_it_is or self.url, **places})

    async def _keys(self, request):
        self.asked.append("keys")
        return JSONResponse(KeySet(self.published).as_dict(private=False))

    async def _door(self, request):
        said = request.query_params
        assert said["response_type"] == "code"
        assert said["code_challenge_method"] == "S256"
        assert "openid" in said["scope"].split()
        assert len(said["state"]) >= 40
        assert len(said["nonce"]) >= 40
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(said)
        back = {"code": code, "state": said["state"], "iss": self.url}
        return RedirectResponse(said["redirect_uri"] + "?" + urlencode(back), 302)

    async def _token(self, request):
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        login = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            request.headers.get("authorization") != f"Basic {login}"
            or asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form.get("redirect_uri")
            or form.get("grant_type") != "authorization_code"
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(
            {"access_token": "a", "token_type": "Bearer", "id_token": self.token(asked["nonce"])}
        )

    def token(self, nonce):
        now_s = self.now_s()
        claims = {"iss": self.url, "aud": CLIENT, "iat": now_s, "exp": now_s + 300, "nonce": nonce}
        claims |= self.person | self.spoil
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.sign_with == "none":
            parts = ({"alg": "none"}, claims)
            return ".".join(_plain(part) for part in parts) + "."
        if self.sign_with == "secret":
            return jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(SECRET * 3))
        key = self.sign_with or self.key
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


def _plain(part):
    text = json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
