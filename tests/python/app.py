"""A WSGI app that answers on port 8080; it loads something compiled (ssl), as real ones do."""

import ssl
from wsgiref.simple_server import make_server


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"python answers with " + ssl.OPENSSL_VERSION.encode() + b"\n"]


make_server("127.0.0.1", 8080, app).serve_forever()
