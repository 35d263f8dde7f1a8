"""Twisted's web server with HTTP/2 over TLS. Arguments: port, certificate, key."""

import sys

from OpenSSL import crypto
from twisted.internet import endpoints, reactor, ssl
from twisted.web import resource, server


class Answer(resource.Resource):
    """Says which h2 it runs on, echoes what it is sent, sends much."""

    isLeaf = True

    def render_GET(self, request):
        if request.path == b"/who":
            return sys.modules["h2.connection"].__name__.encode()
        if request.path == b"/big":
            return bytes(range(256)) * 8192
        return b"Hello, world"

    def render_POST(self, request):
        return request.content.read()


port, certificate, key = sys.argv[1:]
pair = [open(name, "rb").read() for name in (certificate, key)]
options = ssl.CertificateOptions(
    privateKey=crypto.load_privatekey(crypto.FILETYPE_PEM, pair[1]),
    certificate=crypto.load_certificate(crypto.FILETYPE_PEM, pair[0]),
    acceptableProtocols=[b"h2", b"http/1.1"],
)
endpoints.SSL4ServerEndpoint(reactor, int(port), options, interface="127.0.0.1").listen(server.Site(Answer()))
reactor.run()
